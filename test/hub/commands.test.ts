import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { openCommandHistory } from '../../src/commands/history.ts'
import { openInbox } from '../../src/commands/inbox.ts'
import { createMethodCalls, type MethodDelivery } from '../../src/commands/method-calls.ts'
import type { Deed } from '../../src/hub/audit-trail.ts'
import { createCommands, settledWrites } from '../../src/hub/commands.ts'
import type { OutboxEvent } from '../../src/hub/journal-outbox.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf } from '../pki/make.ts'
import { createClock } from '../provisioning/dps-house.ts'

async function house() {
  const clock = createClock()
  const now = () => clock.now
  const store = await openMemoryStateStore({ now })
  await store.declare('events', {})
  const devices = new Map([
    ['d', { state: 'active' as const, enabled: true }],
    ['off', { state: 'active' as const, enabled: false }],
    ['sick', { state: 'quarantined' as const, enabled: true }],
    ['old', { state: 'retired' as const, enabled: true }],
  ])
  const events: OutboxEvent[] = []
  const outbox = {
    write(event: OutboxEvent) {
      events.push(event)
      return { op: 'put', coll: 'events', id: String(events.length), doc: event.payload } as const
    },
  }
  const sent: MethodDelivery[] = []
  const waiting: string[] = []
  const notes: Deed[] = []
  const history = await openCommandHistory({ store, now, random: randomBytes })
  const inbox = await openInbox({
    store,
    inTurn: createTurns(),
    now,
    random: randomBytes,
    settled: settledWrites({ history, outbox }),
  })
  const calls = createMethodCalls({
    deliver: async call => {
      sent.push(call)
      return 'sent'
    },
    schedule: clock.schedule,
    now,
    random: randomBytes,
  })
  const commands = createCommands({
    findDevice: async id => (devices.has(id) ? { id, generation: `g-${id}`, ...devices.get(id)! } : undefined),
    calls,
    inbox,
    history,
    note: deed => void notes.push(deed),
    waiting: id => void waiting.push(id),
    now,
  })
  const records = async (id = 'd') =>
    (await commands.history({ id })).items.map(({ kind, name, by, outcome, status, seq }) => [
      kind,
      name ?? seq,
      by,
      outcome,
      status,
    ])
  return { clock, commands, calls, inbox, history, events, sent, waiting, notes, records }
}
const until = async (holds: () => boolean) => {
  for (let turn = 0; turn < 1000 && !holds(); turn++) await new Promise(setImmediate)
  assert(holds())
}

describe('commands', () => {
  it('that are methods have a history: what was asked, by whom, and what came of it', async () => {
    const { commands, calls, sent, records, clock } = await house()
    const answered = commands.call({ id: 'd', method: 'blink', payload: 1, by: 'user anna' })
    await until(() => sent.length === 1)
    assert.deepEqual(await records(), [['method', 'blink', 'user anna', undefined, undefined]], 'under way')
    calls.answer({ deviceId: 'd', rid: sent[0]!.rid, status: 207, payload: 'ok' })
    assert.deepEqual(await answered, { status: 207, payload: 'ok' })
    clock.now += 1
    const silent = assert.rejects(commands.call({ id: 'd', method: 'hush', by: 'flow' }), codeOf('COMMAND_TIMEOUT'))
    await until(() => sent.length === 2)
    clock.turn(30_000)
    await silent
    assert.deepEqual(await records(), [
      ['method', 'hush', 'flow', 'COMMAND_TIMEOUT', undefined],
      ['method', 'blink', 'user anna', 'answered', 207],
    ])
  })

  it('that are messages wait, and their end is in the history and told to who asked', async () => {
    const { commands, inbox, records, events, waiting } = await house()
    const { seq } = await commands.send({ id: 'd', message: { body: Buffer.from('a'), ack: 'full', id: 'm1' }, by: 'flow' })
    await commands.send({ id: 'd', message: { body: Buffer.from('b') }, by: 'flow' })
    assert.deepEqual([seq, waiting], [1, ['d', 'd']])
    const [first, second] = await inbox.take({ deviceId: 'd', generation: 'g-d', max: 2 })
    const noted = async () => (await commands.history({ id: 'd' })).items.map(({ messageId }) => messageId).toReversed()
    assert.deepEqual(await noted(), ['m1', second!.id], 'known before its end')
    await inbox.settle({ deviceId: 'd', lock: first!.lock, as: 'completed' })
    await inbox.settle({ deviceId: 'd', lock: second!.lock, as: 'rejected' })
    assert.equal(events.length, 1, 'nobody asked about the second')
    assert.deepEqual(await noted(), ['m1', second!.id])
    const { at: _, enqueuedAt: __, ...told } = events[0]!.payload as Record<string, unknown>
    assert.deepEqual(told, {
      device: 'd',
      generation: 'g-d',
      messageId: 'm1',
      seq: 1,
      outcome: 'completed',
      statusCode: 'Success',
    })
    assert.deepEqual((await records()).map(([kind, number, by, outcome]) => [kind, number, by, outcome]).toSorted(), [
      ['message', 1, 'flow', 'completed'],
      ['message', 2, 'flow', 'rejected'],
    ])
  })

  it('reach no device that must not have them', async () => {
    const { commands, sent, waiting } = await house()
    const message = { body: Buffer.from('a') }
    const refused: [string, string, string | undefined][] = [
      ['x', 'IDENTITY_NOT_FOUND', 'IDENTITY_NOT_FOUND'],
      ['old', 'IDENTITY_RETIRED', 'IDENTITY_RETIRED'],
      ['sick', 'DEVICE_QUARANTINED', 'DEVICE_QUARANTINED'],
      ['off', 'IDENTITY_DISABLED', undefined],
    ]
    for (const [id, byMethod, byMessage] of refused) {
      await assert.rejects(commands.call({ id, method: 'm' }), codeOf(byMethod))
      if (byMessage === undefined) await commands.send({ id, message })
      else await assert.rejects(commands.send({ id, message }), codeOf(byMessage))
    }
    assert.deepEqual([sent, waiting], [[], ['off']], 'a message waits for a device that is disabled')
  })

  it('are listed while they wait, and purged', async () => {
    const { commands, notes } = await house()
    await commands.send({ id: 'd', message: { body: Buffer.from('abc') } })
    const [waiting] = (await commands.inbox({ id: 'd' })).items
    assert.deepEqual([waiting!.bytes, waiting!.held, 'body' in waiting!], [3, false, false])
    assert.deepEqual(await commands.purgeInbox({ id: 'd', by: 'user anna' }), { purged: 1 })
    assert.deepEqual(notes, [{ by: 'user anna', action: 'inbox.purge', target: 'd', detail: { purged: 1 } }])
  })

  it('are forgotten after ninety days', async () => {
    const { commands, history, clock, records } = await house()
    await commands.send({ id: 'd', message: { body: Buffer.from('a') } })
    clock.now += 90 * 86_400_000
    await commands.send({ id: 'd', message: { body: Buffer.from('b') } })
    await history.sweep()
    assert.equal((await records()).length, 2)
    clock.now += 1
    await history.sweep()
    assert.equal((await records()).length, 1)
  })
})
