import type { DeviceOutcome } from '../../src/commands/fan-out.ts'
import { LoomError } from '../../src/errors.ts'
import type { Hub } from '../../src/hub/hub.ts'
import type { FakeHub } from '../fake-hub.ts'

type Operation = Awaited<ReturnType<Hub['commands']['operation']>>
type Start = Parameters<Hub['commands']['start']>[0]

/** Gives a fake hub operations for groups and queries that do what a test says. */
export function groupOperations(hub: FakeHub, total = 8) {
  const started: Start[] = []
  const known = new Map<string, Operation>()
  const outcomes = new Map<string, DeviceOutcome[]>()
  /** while set, questions fail with it */
  const facts: { failure: LoomError | undefined } = { failure: undefined }
  const found = (id: string): Operation => {
    if (facts.failure) throw facts.failure
    const operation = known.get(id)
    if (!operation) throw new LoomError('NOT_FOUND', id)
    return operation
  }
  const add = (id: string, more: Partial<Operation> = {}): Operation => {
    const at = { startedAt: 1, updatedAt: 1 }
    const counts = { total, done: 0, failed: 0 }
    const made = {
      id,
      kind: 'commands.method',
      state: 'running',
      detail: { method: 'blink' },
      by: 'node n',
      resumable: true,
    } as const
    known.set(id, { ...made, ...counts, ...at, ...more })
    return known.get(id)!
  }
  Object.assign(hub.commands, {
    async start(o: Start) {
      if (o.group === 'none') throw new LoomError('GROUP_NOT_FOUND', 'none')
      started.push(o)
      return { ...add(`op${started.length}`, { kind: o.method ? 'commands.method' : 'commands.message', by: o.by! }) }
    },
    operations: async () => ({ items: [...known.values()] }),
    operation: async ({ id }: { id: string }) => ({ ...found(id) }),
    async results({ id, limit = 100, cursor = '0' }: { id: string; limit?: number; cursor?: string }) {
      found(id)
      const all = outcomes.get(id) ?? []
      const end = Number(cursor) + limit
      return { items: all.slice(Number(cursor), end), ...(end < all.length && { next: String(end) }) }
    },
  })
  return {
    started,
    known,
    outcomes,
    facts,
    add,
    /** It differs in the hub, without a word. */
    change: (id: string, more: Partial<Operation>) => void Object.assign(known.get(id)!, more),
    /** The same, and the hub tells it. */
    happens(id: string, more: Partial<Operation>): void {
      const { kind, state, total: of = 0, done, failed, by } = Object.assign(known.get(id)!, more)
      hub.emit({ type: 'commands', at: 7, id, kind, state, total: of, done, failed, by })
    },
  }
}
