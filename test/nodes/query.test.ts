import assert from 'node:assert/strict'
import query from '../../nodes/query/query.ts'
import { queryRequestOf } from '../../src/nodered/query-request.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'

const config = {
  type: 'loom-query',
  kind: 'range',
  devices: 'device',
  devicesType: 'msg',
  points: '',
  pointsType: 'str',
  from: '100',
  fromType: 'num',
  to: '200',
  toType: 'num',
  everyMs: 60_000,
  maxPoints: 500,
  fn: 'max',
  shape: 'lttb',
  order: 'asc',
  limit: 2,
  answer: 'one',
}
const page = (from: number, next?: string) => ({
  items: [from, from + 1].map(time => ({ device: 'd1', time, values: { t: time } })),
  stats: { rows: 2, tookMs: 1 },
  ...(next && { next }),
})

describe('loom-query', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(unload)

  it('asks what its settings say, typed inputs evaluated', async () => {
    const { send, outputs } = await flow(query, config, { hub })
    hub.pages = [page(100, 'n2')]
    const one = outputs(1)
    send({ device: 'd1', kept: 1 })
    const [msg] = await one
    assert.deepEqual(hub.asked, [['range', { devices: ['d1'], from: 100, to: 200, order: 'asc', limit: 2 }]])
    assert.equal(msg!.payload.length, 2)
    assert.equal(msg!.query.next, 'n2')
    assert.equal(msg!.kept, 1)
  })

  it('lets msg.query win', async () => {
    const { send, outputs } = await flow(query, config, { hub })
    const three = outputs(3)
    send({ device: 'd1', query: { kind: 'aggregate', devices: ['a', 'b'], points: 't', everyMs: 10 } })
    send({ device: 'd1', query: { kind: 'downsample', maxPoints: 9 } })
    send({ device: 'd1', query: { kind: 'last' } })
    await three
    assert.deepEqual(hub.asked, [
      ['aggregate', { devices: ['a', 'b'], points: ['t'], from: 100, to: 200, everyMs: 10, fn: 'max' }],
      ['downsample', { devices: ['d1'], from: 100, to: 200, maxPoints: 9, fn: 'lttb' }],
      ['last', { devices: ['d1'] }],
    ])
  })

  it('sends every page as a message of its own', async () => {
    const { send, outputs } = await flow(query, { ...config, answer: 'pages' }, { hub })
    hub.pages = [page(100, 'n2'), page(102, 'n3'), page(104)]
    const three = outputs(3)
    send({ device: 'd1' })
    assert.deepEqual(
      (await three).map(({ payload }) => payload[0].time),
      [100, 102, 104],
    )
    assert.deepEqual(
      hub.asked.map(([, { cursor }]) => cursor),
      [undefined, 'n2', 'n3'],
    )
  })

  it('names the part of a request that is wrong', async () => {
    const { send, error } = await flow(query, config, { hub })
    for (const [msg, position] of [
      [{}, 'devices'],
      [{ device: 'd1', query: { from: 'yesterday-ish' } }, 'from'],
      [{ device: 'd1', query: { kind: 'aggregate', fn: 'mode' } }, 'fn'],
      [{ device: 'd1', query: { kind: 'everything' } }, 'kind'],
      [{ device: 'd1', query: { limit: 0 } }, 'limit'],
    ] as const) {
      const failed = error()
      send(msg)
      const { code, position: at } = await failed
      assert.deepEqual([code, at], ['STORE_QUERY_INVALID', position])
    }
  })

  it('knows times ago and dates', () => {
    const now = Date.parse('2026-01-02T00:00:00Z')
    const asked = queryRequestOf({ devices: 'd', from: '-1.5h', to: '2026-01-01T23:59:00Z' }, now)
    assert.deepEqual(asked, {
      kind: 'range',
      query: { devices: ['d'], from: now - 5_400_000, to: now - 60_000, order: 'asc', limit: 1000 },
    })
    assert.deepEqual((queryRequestOf({ devices: ['d'] }, now).query as { from: number }).from, now - 3_600_000)
  })
})
