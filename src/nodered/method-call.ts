import { LoomError } from '../errors.ts'
import { isSection } from '../twin/json.ts'

/** A call as a message and the settings of a node say it. */
export interface MethodOrder {
  name: string
  connectTimeoutMs: number
  responseTimeoutMs: number
}

/**
 * `msg.method`: a name, or `{name, connectTimeoutMs, responseTimeoutMs}`; what it does not say is as set. With a `status` it is the answer of an earlier call and asks
 * for nothing. NODE_CONFIG without a name; the hub judges the rest.
 */
export function methodOrderOf(asked: unknown, set: MethodOrder): MethodOrder {
  const answered = isSection(asked) && asked.status !== undefined
  const wanted = typeof asked === 'string' ? { name: asked } : isSection(asked) && !answered ? asked : {}
  const name = wanted.name ?? set.name
  if (typeof name !== 'string' || !name)
    throw new LoomError('NODE_CONFIG', 'no method is named', { hint: 'set msg.method.name, or choose one in the node' })
  return {
    name,
    connectTimeoutMs: msOf('connectTimeoutMs', wanted.connectTimeoutMs ?? set.connectTimeoutMs),
    responseTimeoutMs: msOf('responseTimeoutMs', wanted.responseTimeoutMs ?? set.responseTimeoutMs),
  }
}

function msOf(name: string, value: unknown): number {
  const ms = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  throw new LoomError('NODE_CONFIG', `${name} ${JSON.stringify(value)?.slice(0, 40)}`, { hint: 'milliseconds' })
}
