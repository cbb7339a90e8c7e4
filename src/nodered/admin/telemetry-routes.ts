import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import type { AggregateQuery, DownsampleQuery, RangeQuery, WarmPage } from '../../storage/warm-store.ts'
import type { HubRoute } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

const words = { type: 'array', items: { type: 'string', maxLength: 256 } } as const
const fillFns = ['avg', 'min', 'max', 'sum', 'count', 'first', 'last', 'stddev', 'twa', 'p50', 'p95', 'p99'] as const
const shapeFns = ['minmax', 'lttb'] as const

export const telemetryRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/telemetry',
    id: 'getTelemetry',
    summary: 'Readings of a time range; with `every` aggregated, with `maxPoints` thinned out',
    permission: 'thingloom.read',
    query: {
      from: { type: 'integer', description: 'epoch ms, inclusive; default an hour before `to`' },
      to: { type: 'integer', description: 'epoch ms, exclusive; default now' },
      points: { ...words, description: 'names of values, comma-separated; default all' },
      streams: { ...words, description: 'comma-separated; default all' },
      every: { type: 'integer', minimum: 1, description: 'bucket size in ms' },
      maxPoints: { type: 'integer', minimum: 2, maximum: 100_000 },
      fn: {
        type: 'string',
        enum: [...fillFns, ...shapeFns],
        description: 'with `every` default avg, with `maxPoints` default minmax',
      },
      order: { type: 'string', enum: ['asc', 'desc'] },
      limit: { type: 'integer', minimum: 1, maximum: 10_000, description: 'readings a page, default 1,000' },
      cursor: { type: 'string', maxLength: 4096 },
    },
    answers: { 200: { description: 'a page of readings', schema: pageOf(refTo('Reading')) } },
    run: async ({ on: hub, args }) => {
      const page = await pageOfReadings(hub, args)
      if (!page.items.length) await known(hub, args.id as string)
      return { body: page }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/devices/{id}/latest',
    id: 'getLatest',
    summary: 'Last known values of a device',
    permission: 'thingloom.read',
    query: { points: words, streams: words },
    answers: { 200: { description: 'one item per stream and name', schema: pageOf(refTo('LastValue')) } },
    run: async ({ on: hub, args }) => {
      const { id, hub: _, ...rest } = args
      const items = await hub.query.last({ ...rest, devices: [id as string] })
      if (!items.length) await known(hub, id as string)
      return { body: { items } }
    },
  },
]

async function pageOfReadings(hub: Hub, args: Record<string, unknown>): Promise<WarmPage> {
  const { id, every, maxPoints, fn, hub: _, order, limit, cursor, to = Date.now(), ...rest } = args
  const query = { from: (to as number) - 3_600_000, to, ...rest, devices: [id] }
  if (every !== undefined) return hub.query.aggregate({ ...query, everyMs: every, fn: fn ?? 'avg' } as AggregateQuery)
  if (maxPoints !== undefined) return hub.query.downsample({ ...query, maxPoints, fn: fn ?? 'minmax' } as DownsampleQuery)
  const paged = Object.entries({ order, limit, cursor }).filter(([, value]) => value !== undefined)
  return hub.query.range({ ...query, ...Object.fromEntries(paged) } as RangeQuery)
}

/** IDENTITY_NOT_FOUND for a device that is not registered and has no reading: telemetry outlives a device, and need not be of one. */
async function known(hub: Hub, id: string): Promise<void> {
  try {
    await hub.devices.get({ id })
  } catch (error) {
    if (!(error instanceof LoomError && error.code === 'IDENTITY_NOT_FOUND')) throw error
    const { items } = await hub.query.range({
      devices: [id],
      from: -Number.MAX_SAFE_INTEGER,
      to: Number.MAX_SAFE_INTEGER,
      order: 'desc',
      limit: 1,
    })
    if (!items.length) throw error
  }
}
