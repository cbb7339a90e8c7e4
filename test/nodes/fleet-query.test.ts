import assert from 'node:assert/strict'
import fleetQuery from '../../nodes/fleet-query/fleet-query.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'

const config = { type: 'loom-fleet-query', dialect: 'aws', query: 'payload', queryType: 'msg', limit: 2, answer: 'pages' }
const rows = (...ids: string[]) => ids.map(id => ({ id }))

describe('loom-fleet-query', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
    hub.fleetPages = [{ items: rows('a', 'b'), next: 'n2' }, { items: rows('c') }]
  })
  afterEach(unload)

  it('sends every page and then the end', async () => {
    const { send, outputs } = await flow(fleetQuery, config, { hub })
    const [two, one] = [outputs(2), outputs(1, 1)]
    send({ payload: 'thingName:*', kept: 1, device: 'x' })
    const [first, second] = await two
    assert.deepEqual([first!.payload, first!.device, first!.kept], [rows('a', 'b'), ['a', 'b'], 1])
    assert.deepEqual(
      [first!.query, second!.query],
      [
        { dialect: 'aws', limit: 2, next: 'n2' },
        { dialect: 'aws', limit: 2 },
      ],
    )
    assert.deepEqual([second!.payload, second!.device], [rows('c'), ['c']])
    assert.deepEqual((await one)[0]!.payload, { count: 3 })
    assert.deepEqual(hub.asked, [
      ['fleet', { dialect: 'aws', text: 'thingName:*', limit: 2 }],
      ['fleet', { dialect: 'aws', text: 'thingName:*', limit: 2, cursor: 'n2' }],
    ])
  })

  it('sends each device by itself', async () => {
    const { send, outputs } = await flow(fleetQuery, { ...config, answer: 'each' }, { hub })
    const three = outputs(3)
    send({ payload: '*' })
    assert.deepEqual(
      (await three).map(({ device, payload }) => [device, payload]),
      ['a', 'b', 'c'].map(id => [id, { id }]),
    )
  })

  it('sends the first page alone, with the cursor to go on', async () => {
    const { send, outputs, seen } = await flow(fleetQuery, { ...config, answer: 'page', query: '*', queryType: 'str' }, { hub })
    const end = outputs(1, 1)
    send({ payload: 1 })
    assert.deepEqual((await end)[0]!.payload, { count: 2, cursor: 'n2' })
    assert.equal(seen().length, 1)
  })

  it('takes a condition as an object, and lets msg.query win', async () => {
    const { send, outputs } = await flow(fleetQuery, { ...config, answer: 'page' }, { hub })
    hub.fleetPages = [{ items: [{ n: 3 }] }]
    const two = outputs(2)
    const ast = { op: 'exists', path: 'tags.a' }
    send({ payload: ast })
    send({ payload: 'x', query: { dialect: 'azure', text: 'SELECT * FROM devices', limit: 5, cursor: 'c' } })
    const [counted] = await two
    assert.deepEqual([counted!.payload, 'device' in counted!], [[{ n: 3 }], false])
    assert.deepEqual(hub.asked, [
      ['fleet', { dialect: 'json', ast, limit: 2 }],
      ['fleet', { dialect: 'azure', text: 'SELECT * FROM devices', limit: 5, cursor: 'c' }],
    ])
  })

  it('refuses what is no query', async () => {
    const { send, error } = await flow(fleetQuery, config, { hub })
    for (const msg of [
      { payload: 7 },
      { payload: '' },
      { payload: '*', query: { limit: 1001 } },
      { payload: '*', query: { cursor: 5 } },
      { payload: '*', query: { dialect: 'sql' } },
    ]) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, 'NODE_CONFIG', JSON.stringify(msg))
    }
  })

  it('asks as a new node does where its flow leaves settings out', async () => {
    const { send, outputs } = await flow(fleetQuery, { type: 'loom-fleet-query' }, { hub })
    const two = outputs(2)
    send({ payload: 'thingName:*' })
    assert.deepEqual((await two)[1]!.payload, rows('c'))
    assert.deepEqual(hub.asked[0], ['fleet', { dialect: 'aws', text: 'thingName:*', limit: 100 }])
  })

  it('is red with a page size that cannot be', async () => {
    const { send, error } = await flow(fleetQuery, { ...config, limit: 0 }, { hub })
    const failed = error()
    send({ payload: '*' })
    assert.equal((await failed).code, 'NODE_CONFIG')
  })
})
