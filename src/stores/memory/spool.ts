import { LoomError } from '../../errors.ts'
import { readBytes, type SpoolEntry, type SpoolPort } from '../../routing/action/spool-port.ts'

/** A spool that ends with its process. */
export function openMemorySpool(): SpoolPort {
  const endpoints = new Map<string, SpoolEntry[]>()
  let last = 0
  let closed = false
  const open = (): void => {
    if (closed) throw new LoomError('STORE_CLOSED', 'spool')
  }
  const of = (endpoint: string): SpoolEntry[] => endpoints.get(endpoint) ?? []

  return {
    async append(endpoint, { at, content }) {
      open()
      const entry = { id: ++last, at, content: content.slice() }
      const entries = endpoints.get(endpoint)
      if (entries) entries.push(entry)
      else endpoints.set(endpoint, [entry])
      return entry.id
    },
    async read(endpoint, { limit, after = 0 }) {
      open()
      const found: SpoolEntry[] = []
      let bytes = 0
      for (const entry of of(endpoint)) {
        if (entry.id <= after) continue
        bytes += entry.content.byteLength
        if (found.length === limit || (found.length && bytes > readBytes)) break
        found.push(entry)
      }
      return found
    },
    async remove(endpoint, ids) {
      open()
      const gone = new Set(ids)
      const left = of(endpoint).filter(({ id }) => !gone.has(id))
      if (left.length) endpoints.set(endpoint, left)
      else endpoints.delete(endpoint)
    },
    figures(endpoint) {
      const entries = of(endpoint)
      const [oldest] = entries
      const bytes = entries.reduce((sum, { content }) => sum + content.byteLength, 0)
      return { count: entries.length, bytes, ...(oldest && { oldestAt: oldest.at }) }
    },
    endpoints: () => [...endpoints.keys()],
    async close() {
      closed = true
    },
  }
}
