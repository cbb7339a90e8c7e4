import assert from 'node:assert/strict'
import type { Connection } from '../../src/broker/broker-port.ts'
import { createListening } from '../../src/hub/listening.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { createTwinWire } from '../../src/hub/twin-wire.ts'
import { newTwin, type Twin } from '../../src/twin/document.ts'
import { applyUpdate, type TwinPatch, type TwinUpdate } from '../../src/twin/update.ts'

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

/** The twin of d1, whose writes the test lets go on, and what is sent to its connections. */
function house() {
  let twin: Twin = newTwin({ deviceId: 'd1', now: 1 })
  const inTurn = createTurns()
  const writes: (() => void)[] = []
  const sent: string[] = []
  const listening = createListening({
    send: (id, { topic, payload }) => void sent.push(`${id} ${topic} ${payload}`),
    mayHear: () => true,
  })
  const update = ({ patch }: { patch: TwinPatch }): Promise<TwinUpdate<Twin>> =>
    inTurn('d1', async () => {
      await new Promise<void>(resolve => writes.push(resolve))
      const made = applyUpdate(twin, patch, { now: 1 })
      twin = made.doc
      wire.changed({ kind: 'update', deviceId: 'd1', name: '', by: 'test', at: 1, update: made })
      return made
    })
  const wire = createTwinWire({
    twins: { get: async () => twin, all: async () => [twin], update, remove: () => assert.fail() },
    listening,
    inTurn,
    now: () => 1,
    failed: error => assert.fail(String(error)),
  })
  const connect = (id: string, family = 'iothub') => ({ id, principal: { deviceId: 'd1', family } }) as unknown as Connection
  const filter = '$iothub/twin/PATCH/properties/desired/#'
  const come = (connection: Connection, restored: boolean): void => {
    const listens = () => listening.listens(connection, { filter, features: ['twin.desired'], qos: 0 })
    if (restored) listens()
    listening.open(connection)
    if (!restored) listens()
  }
  const write = async (): Promise<void> => {
    await turns()
    writes.shift()!()
    await turns()
  }
  const ask = (connection: Connection, operation: string, payload = '') => {
    const dialect = connection.principal.family === 'iothub' ? ('azure' as const) : ('plain' as const)
    const topic = dialect === 'azure' ? '$iothub/twin/x/?$rid=1' : 'devices/d1/twin/x/?rid=1'
    return wire.request(connection, { kind: 'request', dialect, operation, rid: '1', topic }, Buffer.from(payload))!
  }
  return { wire, listening, sent, update, connect, come, write, ask }
}

describe('twins on the wire, in order', () => {
  it('a device that asks for its twin reads what it reported before, on another connection too', async () => {
    for (const family of ['iothub', 'thing']) {
      const { connect, ask, write } = house()
      const reported = ask(connect('c1', family), 'twin.report', '{"a":1}')
      const read = ask(connect('c2', family), 'twin.get')
      await write()
      await reported
      const answer = await read
      assert.deepEqual(JSON.parse(String(answer!.payload)).reported.a, 1, family)
    }
  })

  it('a change that is under way when a session comes back is told once, with what was missed', async () => {
    const { connect, come, update, write, listening, sent } = house()
    const first = connect('c1')
    come(first, false)
    await turns()
    listening.gone(first, 'CLIENT_INITIATED_DISCONNECT')
    const missed = update({ patch: { desired: { a: 1 } } })
    await write()
    const during = update({ patch: { desired: { b: 1 } } })
    await turns()
    come(connect('c2'), true)
    await write()
    await Promise.all([missed, during])
    await turns()
    const topic = '$iothub/twin/PATCH/properties/desired/?$version='
    assert.deepEqual(sent, [`c2 ${topic}3 {"a":1,"b":1,"$version":3}`])
    const after = update({ patch: { desired: { a: null } } })
    await write()
    await after
    assert.deepEqual(sent.slice(1), [`c2 ${topic}4 {"a":null,"$version":4}`])
  })

  it('a change right after a new subscription is told', async () => {
    const { connect, come, update, write, sent } = house()
    const during = update({ patch: { desired: { a: 1 } } })
    await turns()
    come(connect('c1'), false)
    await write()
    await during
    assert.equal(sent.length, 1)
  })
})
