import type { AdminApi } from '../admin-api.ts'
import type { RuleCounts } from './rule-list.ts'

const everyMs = 2000

/** Asks again and again what the rules of a running node did. A node that is not deployed has nothing to tell. */
export function ruleCounts({
  api,
  nodeId,
  show,
}: {
  api: AdminApi
  nodeId: string
  show(counts: ReadonlyMap<string, RuleCounts>): void
}): {
  showAgain(): void
  close(): void
} {
  let closed = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let last: ReadonlyMap<string, RuleCounts> = new Map()
  const ask = async (): Promise<void> => {
    if (!nodeId) return
    const found = await api.get<{ items: ({ id: string } & RuleCounts)[] }>([nodeId]).catch(() => undefined)
    if (closed) return
    last = new Map(found?.items.map(rule => [rule.id, rule]))
    show(last)
    if (found) timer = setTimeout(ask, everyMs)
  }
  void ask()
  return {
    showAgain: () => show(last),
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
