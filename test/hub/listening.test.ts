import assert from 'node:assert/strict'
import type { Connection } from '../../src/broker/broker-port.ts'
import { createListening } from '../../src/hub/listening.ts'
import { createTwinWire } from '../../src/hub/twin-wire.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { newTwin } from '../../src/twin/document.ts'
import { applyUpdate } from '../../src/twin/update.ts'

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}
const filter = '$aws/things/d1/shadow/update/delta'

function house() {
  const sent: string[] = []
  const heard: string[] = []
  const listening = createListening({ send: (_, { topic }) => void sent.push(topic), mayHear: () => true })
  listening.on('twin.delta', ({ restored, subscribed }) => void heard.push(`${restored} ${subscribed}`))
  const connect = (id: string) => ({ id, principal: { deviceId: 'd1', family: 'thing' } }) as unknown as Connection
  const subscribe = (connection: Connection) => listening.listens(connection, { filter, features: ['twin.delta'], qos: 1 })
  return { listening, sent, heard, connect, subscribe }
}

describe('who listens', () => {
  it('is told apart: a kept filter, one that is kept and subscribed again at once, and what is subscribed later', async () => {
    const { listening, heard, connect, subscribe } = house()
    const kept = connect('c1')
    subscribe(kept)
    listening.open(kept)
    await turns()
    subscribe(kept)
    await turns()
    assert.deepEqual(heard.splice(0), ['true false', 'false true'])
    const hasty = connect('c2')
    subscribe(hasty)
    listening.open(hasty)
    subscribe(hasty)
    subscribe(hasty)
    await turns()
    assert.deepEqual(heard.splice(0), ['true true'])
    const fresh = connect('c3')
    listening.open(fresh)
    subscribe(fresh)
    await turns()
    assert.deepEqual(heard.splice(0), ['false true'])
  })

  it('hears of nothing that was kept once it gave that up', async () => {
    const { listening, heard, connect, subscribe } = house()
    const connection = connect('c1')
    subscribe(connection)
    listening.open(connection)
    listening.listensNoMore(connection, filter)
    subscribe(connection)
    await turns()
    assert.deepEqual(heard, ['false true'])
  })

  it('gets the delta that its session missed, once, also if it subscribes again right after its CONNACK', async () => {
    const { listening, sent, connect, subscribe } = house()
    const { doc } = applyUpdate(newTwin({ deviceId: 'd1', now: 1 }), { desired: { a: 1 } }, { now: 1 })
    createTwinWire({
      twins: { get: async () => doc, all: async () => [doc], update: () => assert.fail(), remove: () => assert.fail() },
      listening,
      inTurn: createTurns(),
      now: () => 1,
      failed: error => assert.fail(String(error)),
    })
    const connection = connect('c1')
    subscribe(connection)
    listening.open(connection)
    subscribe(connection)
    await turns()
    subscribe(connection)
    await turns()
    assert.deepEqual(sent, [filter])
  })
})
