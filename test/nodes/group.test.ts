import assert from 'node:assert/strict'
import group from '../../nodes/group/group.ts'
import { LoomError } from '../../src/errors.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = {
  type: 'loom-group',
  action: 'add',
  group: 'group',
  groupType: 'msg',
  dialect: 'aws',
  query: '',
  queryType: 'str',
  listen: false,
  groups: '',
  events: [],
  consumer: 'g',
  ack: 'delivery',
  start: 'latest',
}
const event = (device: string, name: 'join' | 'leave', of: string) => ({
  kind: kinds.membership,
  device,
  payload: Buffer.from(JSON.stringify({ event: name, group: of, cause: 'twin', at: 5 })),
  props: { v: 1 as const, p: { group: of, event: name }, s: {}, e: {} },
})

describe('loom-group', () => {
  let hub: FakeHub
  let calls: [string, any][]
  beforeEach(() => {
    hub = fakeHub()
    calls = []
    const called = (name: string, o: any): any => {
      calls.push([name, o])
      return o
    }
    Object.assign(hub.groups, {
      add: async (o: any) => ({ added: called('add', o).devices.length }),
      remove: async (o: any) => ({ removed: called('remove', o).devices.length }),
      create: async (o: any) => ({ id: called('create', o).id, etag: '1' }),
      delete: async (o: any) => {
        if (o.id === 'none') throw new LoomError('GROUP_NOT_FOUND', 'none')
        called('delete', o)
      },
    })
  })
  afterEach(unload)

  it('adds as a new node does where its flow leaves settings out, and tells who joins', async () => {
    const { send, outputs } = await flow(group, { type: 'loom-group' }, { hub })
    const [one, told] = [outputs(1), outputs(1, 1)]
    send({ group: 'lab', device: 'a' })
    await one
    send({ group: 'floor', action: 'create' })
    await until(() => calls.length === 2)
    assert.deepEqual(calls, [
      ['add', { group: 'lab', devices: ['a'], by: 'node n' }],
      ['create', { id: 'floor', by: 'node n' }],
    ])
    hub.append(event('a', 'join', 'hot'))
    assert.equal((await told)[0]!.device, 'a')
  })

  it('adds and removes devices, thousands in steps', async () => {
    const { send, outputs } = await flow(group, config, { hub })
    const three = outputs(3)
    const devices = Array.from({ length: 1500 }, (_, i) => `d${i}`)
    send({ group: 'lab', device: 'a', kept: 1 })
    send({ group: 'lab', device: devices })
    send({ group: 'lab', device: ['a'], action: 'remove' })
    const answers = await three
    assert.deepEqual(
      answers.map(({ payload }) => payload),
      [
        { group: 'lab', added: 1 },
        { group: 'lab', added: 1500 },
        { group: 'lab', removed: 1 },
      ],
    )
    assert.deepEqual([answers[0]!.kept, answers[0]!.group], [1, 'lab'])
    assert.deepEqual(
      calls.map(([name, o]) => [name, o.group, o.devices.length, o.by]),
      [
        ['add', 'lab', 1, 'node n'],
        ['add', 'lab', 1000, 'node n'],
        ['add', 'lab', 500, 'node n'],
        ['remove', 'lab', 1, 'node n'],
      ],
    )
  })

  it('creates static groups, and with a query dynamic ones, and deletes either', async () => {
    const { send, outputs } = await flow(group, { ...config, action: 'create' }, { hub })
    const four = outputs(4)
    send({ group: { id: 'hall', parent: 'plant', description: 'Hall' } })
    send({ group: { id: 'hot', text: 'shadow.reported.t>30' } })
    send({ group: 'hot', action: 'delete' })
    send({ group: { id: 'hall', force: true }, action: 'delete' })
    const [hall, hot, gone] = await four
    assert.equal(hall!.payload.id, 'hall')
    assert.deepEqual([hot!.payload.text, hot!.payload.dialect], ['shadow.reported.t>30', 'aws'])
    assert.deepEqual(gone!.payload, { group: 'hot', deleted: true })
    assert.deepEqual(calls, [
      ['create', { id: 'hall', parent: 'plant', description: 'Hall', by: 'node n' }],
      ['delete', { id: 'hall', force: true, by: 'node n' }],
    ])
  })

  it('takes the query of a dynamic group from its settings', async () => {
    const settings = {
      ...config,
      action: 'create',
      group: 'cold',
      groupType: 'str',
      dialect: 'azure',
      query: 'SELECT * FROM devices',
    }
    const { send, outputs } = await flow(group, settings, { hub })
    const one = outputs(1)
    send({})
    assert.deepEqual((await one)[0]!.payload.text, 'SELECT * FROM devices')
    assert.deepEqual((await hub.fleet.group({ id: 'cold' })).dialect, 'azure')
  })

  it('refuses what names no group, device or action', async () => {
    const { send, error } = await flow(group, config, { hub })
    for (const [msg, code] of [
      [{ device: 'a' }, 'NODE_CONFIG'],
      [{ group: { name: 'x' }, device: 'a' }, 'NODE_CONFIG'],
      [{ group: 'lab' }, 'READING_DEVICE'],
      [{ group: 'lab', device: [7] }, 'READING_DEVICE'],
      [{ group: 'lab', device: 'a', action: 'burn' }, 'NODE_CONFIG'],
      [{ group: { id: 'x', parent: 'y', text: '*' }, action: 'create' }, 'NODE_CONFIG'],
      [{ group: 'none', action: 'delete' }, 'GROUP_NOT_FOUND'],
    ] as const) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code, JSON.stringify(msg))
    }
  })

  it('tells on output 2 who joined and left the groups that it is set to', async () => {
    const { outputs, seen } = await flow(group, { ...config, listen: true, groups: 'hot', events: ['join'] }, { hub })
    await until(() => hub.consumers.size)
    const consumer = hub.consumers.get('g')!
    assert.deepEqual(consumer.spec.filter, { kinds: [kinds.membership] })
    const one = outputs(1, 1)
    hub.append(event('d1', 'leave', 'hot'))
    hub.append(event('d1', 'join', 'cold'))
    hub.append(event('d2', 'join', 'hot'))
    const [{ _msgid, ...msg }] = (await one) as [Record<string, unknown>]
    assert.deepEqual(msg, {
      payload: { event: 'join', group: 'hot', cause: 'twin', at: 5 },
      topic: 'join',
      group: 'hot',
      device: 'd2',
      time: 5,
    })
    await until(() => consumer.acked.has(3))
    assert.deepEqual([seen(1).length, seen().length, [...consumer.acked].sort()], [1, 0, [1, 2, 3]])
  })

  it('waits for the flow where that is set, and hands on the delivery', async () => {
    const { outputs } = await flow(group, { ...config, listen: true, ack: 'flow' }, { hub })
    await until(() => hub.consumers.size)
    const one = outputs(1, 1)
    hub.append(event('d1', 'join', 'hot'))
    assert.deepEqual((await one)[0]!.delivery, { hub: 'test', consumer: 'g', from: 1, to: 1 })
    assert.equal(hub.consumers.get('g')!.acked.has(1), false)
  })
})
