import assert from 'node:assert/strict'
import twinChanged from '../../nodes/twin-changed/twin-changed.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { patchBetween } from '../../src/twin/merge.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = {
  type: 'loom-twin-changed',
  consumer: 'c',
  devices: '',
  sections: [],
  paths: '',
  twins: 'all',
  shadows: '',
  ack: 'delivery',
  start: 'latest',
  strictOrder: false,
}

const change = (before: object, after: object, more: object = {}) => {
  const event = { name: '', section: 'reported', before, after, version: 4, sectionVersion: 2, by: 'device d1', at: 7, ...more }
  const patch = patchBetween(before as Record<string, unknown>, after as Record<string, unknown>)
  return { device: 'd1', kind: kinds.twin, payload: Buffer.from(JSON.stringify({ ...event, patch })) }
}

describe('loom-twin-changed', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(unload)
  const open = async (more: object = {}) => {
    const opened = await flow(twinChanged, { ...config, ...more }, { hub })
    await until(() => hub.consumers.size)
    return opened
  }

  it('sends the patch with what was before and after', async () => {
    const { outputs } = await open()
    const one = outputs(1)
    hub.append(change({ a: 1, b: 2 }, { a: 2 }, { deleted: true }))
    const [{ _msgid, ...msg }] = (await one) as [Record<string, unknown>]
    assert.deepEqual(msg, {
      payload: { a: 2, b: null },
      topic: 'reported',
      device: 'd1',
      time: 7,
      twin: {
        section: 'reported',
        name: '',
        before: { a: 1, b: 2 },
        after: { a: 2 },
        version: 4,
        sectionVersion: 2,
        by: 'device d1',
        deleted: true,
      },
    })
    assert.deepEqual(hub.consumers.get('c')!.spec.filter, { devices: [], kinds: [kinds.twin] })
  })

  /** The `n` of changes that came, of those that were appended; each of the others is acknowledged by the node itself. */
  const passed = async (more: object, changes: ReturnType<typeof change>[]): Promise<number[]> => {
    const { seen } = await open(more)
    for (const one of [...changes, change({}, { setpoint: 1, last: true }, { name: 'climate' })]) hub.append(one)
    await until(() => hub.consumers.get('c')!.acked.size === changes.length + 1)
    return seen()
      .map(msg => msg.payload.n)
      .filter(n => n !== undefined)
  }

  it('passes chosen sections only', async () => {
    const changes = ['desired', 'reported', 'tags'].map((section, n) => change({}, { n }, { section }))
    assert.deepEqual(await passed({ sections: ['desired', 'tags'] }, changes), [0, 2])
  })

  it('passes changes of chosen members only, however they change', async () => {
    const changes = [
      change({ setpoint: 1 }, { setpoint: 2, n: 0 }),
      change({ setpoint: 1 }, { setpoint: 1, n: 1 }),
      change({ climate: { fan: 1, x: 1 } }, { climate: { fan: 1, x: 2 }, n: 2 }),
      change({ climate: { fan: 1 } }, { climate: { fan: 2 }, n: 3 }),
      change({ climate: { fan: 1 } }, { n: 4 }),
      change({ climate: { fan: 1 } }, { climate: 'off', n: 5 }),
    ]
    assert.deepEqual(await passed({ paths: 'setpoint, climate.fan' }, changes), [0, 3, 4, 5])
  })

  it('passes main twins only, or named ones, or those of a name', async () => {
    const changes = ['', 'climate', 'light'].map((name, n) => change({}, { n }, { name }))
    assert.deepEqual(await passed({ twins: 'main' }, changes), [0])
    await unload()
    hub = fakeHub()
    assert.deepEqual(await passed({ twins: 'named' }, changes), [1, 2])
    await unload()
    hub = fakeHub()
    assert.deepEqual(await passed({ twins: 'named', shadows: 'climate' }, changes), [1])
  })

  it('leaves acknowledging to the flow, and says what came before', async () => {
    const { outputs } = await open({ ack: 'flow', sections: ['desired'], strictOrder: true })
    const consumer = hub.consumers.get('c')!
    const one = outputs(1)
    hub.append(change({}, { a: 1 }))
    hub.append(change({}, { b: 1 }, { section: 'desired' }))
    assert.deepEqual((await one)[0]!.delivery, { hub: 'test', consumer: 'c', from: 2, to: 2 })
    await until(() => consumer.acked.has(1))
    assert.equal(consumer.acked.has(2), false)
    assert.equal(consumer.spec.strictOrder, true)
    const again = outputs(1)
    consumer.retry([2], 0)
    assert.equal((await again)[0]!.redelivered, true)
  })

  it('passes over what is no change', async () => {
    const { seen } = await open()
    hub.append({ device: 'd1', kind: kinds.twin, payload: Buffer.from('no json') })
    hub.append({ device: 'd1', kind: kinds.twin, payload: Buffer.from('{"section":"other"}') })
    await until(() => hub.consumers.get('c')!.acked.size === 2)
    assert.equal(seen().length, 0)
  })

  it('refuses a path with an empty member as NODE_CONFIG', async () => {
    const { node, send, error } = await flow(twinChanged, { ...config, paths: 'a..b' }, { hub })
    assert.ok(node)
    const failed = error()
    send({})
    assert.equal((await failed).code, 'NODE_CONFIG')
  })
})
