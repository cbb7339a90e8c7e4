import type { Schema } from './schema.ts'
import { count, flag, free, listOf, open, object, text, textTo, time } from './shapes.ts'

const share: Schema = { type: 'number', minimum: 0, maximum: 100, description: 'percent of the devices; absent: all' }

export const configurationBody: Schema = object(
  {
    description: textTo(1024),
    priority: { type: 'integer', description: 'the higher wins where two want the same path, default 0' },
    dialect: { ...textTo(8, '`aws` (default), `azure` or `json`') },
    text: textTo(8192, 'the query'),
    ast: { ...free, description: 'a condition as JSON, instead of the text' },
    desired: { ...free, description: 'what main twins shall have: no nulls, no empty objects' },
    canary: share,
    enabled: flag,
  },
  ['desired'],
)
export const promotion: Schema = object({ canary: share })

/** Components of the OpenAPI document. */
export const configurationSchemas: Readonly<Record<string, Schema>> = {
  Configuration: open(
    {
      id: text,
      description: text,
      priority: count,
      dialect: text,
      text,
      ast: free,
      desired: free,
      canary: share,
      enabled: flag,
      createdAt: time,
      updatedAt: time,
      version: { ...count, description: '+1 with each change of `desired`' },
      etag: text,
    },
    ['id', 'priority', 'dialect', 'desired', 'enabled', 'version', 'etag'],
  ),
  ConfigurationMetrics: open(
    {
      targeted: { ...count, description: 'the query finds them; each is in one of the next, `applied` includes `converged`' },
      held: { ...count, description: 'outside of the canary share' },
      pending: count,
      failed: { ...count, description: 'the twin refuses it' },
      overruled: { ...count, description: 'it wins no path there' },
      applied: { ...count, description: 'written into the twin' },
      converged: { ...count, description: 'reported by the device' },
      conflicts: { ...count, description: 'paths that others win' },
    },
    ['targeted', 'held', 'pending', 'failed', 'overruled', 'applied', 'converged', 'conflicts'],
  ),
  ConfiguredDevice: open({ device: text, standing: text, lost: listOf(text), error: free }, ['device', 'standing', 'lost']),
}
