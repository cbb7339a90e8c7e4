import type { SchemaReference } from '../codec/registry/registered-schema.ts'
import type { SchemaType } from '../codec/schema-text.ts'
import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'

interface Order {
  subject?: unknown
  type?: unknown
  references?: unknown
  replay?: unknown
}

/** Calls of the replay for one key: 10,000 letters each. */
const mostCalls = 100

/**
 * What `msg.registry` asks for: the payload, a text or the value of one, is registered as a version of a subject, and with `replay` the letters that wait for it come back; resolves
 * with a text for the status. Undefined if it asks for nothing. HUB_MISSING and the codes of the registry.
 */
export function schemaOrder(
  { registry, payload }: { registry?: unknown; payload?: unknown },
  by: string,
): ((hub: Pick<Hub, 'schemas' | 'journal'> | undefined) => Promise<string>) | undefined {
  if (typeof registry !== 'object' || registry === null) return undefined
  const { subject, type, references, replay } = registry as Order
  if (typeof subject !== 'string')
    throw new LoomError('SCHEMA_INVALID', 'msg.registry.subject is the name of a subject', { position: 'subject' })
  return async hub => {
    if (!hub) throw new LoomError('HUB_MISSING', '', { hint: 'choose a hub in the node and deploy' })
    const version = await hub.schemas.register({
      ...{ subject, by, schema: typeof payload === 'string' ? payload : JSON.stringify(payload) },
      ...(type !== undefined && { type: type as SchemaType }),
      ...(references !== undefined && { references: references as SchemaReference[] }),
    })
    const { id, fingerprints } = version
    const named = `${subject} · ${version.version}`
    if (replay !== true) return named
    let count = 0
    for (const key of [fingerprints.crc64, fingerprints.sha256, `id:${id}`]) {
      if (key === undefined) continue
      for (let calls = 0, more = true; more && calls < mostCalls; calls++) {
        const answer = await hub.journal.replayDeadLetters({ reason: 'schema-unknown', key })
        count += answer.replayed
        more = answer.more
      }
    }
    return `${named} · ${count}`
  }
}
