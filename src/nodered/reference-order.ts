import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'

interface Order {
  table?: unknown
  key?: unknown
  delete?: unknown
}

/**
 * What `msg.reference` asks for: the payload as a reference table, or that one is deleted; resolves with a text for the status. Undefined if it asks for nothing. HUB_MISSING and the
 * codes of the hub.
 */
export function referenceOrder(
  { reference, payload }: { reference?: unknown; payload?: unknown },
  by: string,
): ((hub: Pick<Hub, 'reference'> | undefined) => Promise<string>) | undefined {
  if (typeof reference !== 'object' || reference === null) return undefined
  const { table, key, delete: gone } = reference as Order
  if (typeof table !== 'string') throw new LoomError('REFERENCE_INVALID', 'msg.reference.table is the name of a table')
  return async hub => {
    if (!hub) throw new LoomError('HUB_MISSING', '', { hint: 'choose a hub in the node and deploy' })
    if (gone === true) {
      await hub.reference.delete({ name: table, by })
      return `${table} –`
    }
    const named = { name: table, by, ...(key !== undefined && { key: key as string }) }
    const { rows } = await hub.reference.put({ ...named, ...given(payload) })
    return `${table} · ${rows}`
  }
}

/** Text is JSON where it begins like it, else CSV. */
function given(payload: unknown): { text: string; format: 'csv' | 'json' } | { rows: unknown } {
  const text = ArrayBuffer.isView(payload) ? Buffer.from(payload as Uint8Array).toString('utf8') : payload
  if (typeof text !== 'string') return { rows: text }
  return { text, format: /^\s*[[{]/.test(text) ? 'json' : 'csv' }
}
