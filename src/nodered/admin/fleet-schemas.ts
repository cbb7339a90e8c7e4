import type { Schema } from './schema.ts'
import { count, flag, free, listOf, object, open, text, textTo, time } from './shapes.ts'

const query = {
  dialect: { ...textTo(8, '`aws` (default), `azure` or `json`') },
  text: textTo(8192, 'the query'),
  ast: { ...free, description: 'a condition as JSON, instead of the text' },
}
const paged = { limit: { type: 'integer', minimum: 1, maximum: 1000 }, cursor: textTo(4096) } as const satisfies Record<
  string,
  Schema
>

export const fleetQuestion: Schema = object({ ...query, ...paged })
export const fleetFigures: Schema = object({
  ...query,
  aggregate: { ...free, description: '`{group: ["tags.site"], figures: {hottest: {fn: "max", path: "twin.reported.t"}}}`' },
})
export const newFleetGroup: Schema = object({ id: textTo(128), description: textTo(1024), ...query }, ['id'])
export const fleetGroupPatch: Schema = object({ description: textTo(1024), ...query })

/** Components of the OpenAPI document. */
export const fleetSchemas: Readonly<Record<string, Schema>> = {
  FleetRow: { ...free, description: 'a device as the fleet index holds it, or the columns and figures that were asked for' },
  FleetRows: object({ items: listOf(free) }, ['items']),
  FleetState: object({ devices: count, bytes: count, reduced: flag, groups: count }, ['devices', 'bytes', 'reduced', 'groups']),
  FleetGroup: open(
    {
      id: text,
      dialect: text,
      text,
      ast: free,
      description: text,
      members: count,
      suspended: flag,
      createdAt: time,
      updatedAt: time,
      etag: text,
    },
    ['id', 'dialect', 'members', 'etag'],
  ),
}
