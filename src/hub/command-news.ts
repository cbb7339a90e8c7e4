import type { OperationView } from '../provisioning/bulk-operations.ts'
import type { CommandsEvent } from './hub-commands.ts'

const tellWithinMs = 250

type Counted = Pick<OperationView, 'id' | 'kind' | 'total' | 'done' | 'failed' | 'by'>

/** Tells live how far commands to many devices are, and at once that they ended. */
export function createCommandNews(o: {
  emit(event: CommandsEvent): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
}) {
  const due = new Map<string, { counted: Counted; cancel: () => void }>()
  const tell = ({ id, kind, total = 0, done, failed, by }: Counted, state: CommandsEvent['state']): void =>
    o.emit({ type: 'commands', at: o.now(), id, kind, state, total, done, failed, by })

  return {
    /** Of one that runs. */
    counted(counted: Counted): void {
      const { id } = counted
      const there = due.get(id)
      if (there) {
        there.counted = counted
        return
      }
      const cancel = o.schedule(tellWithinMs, () => {
        const last = due.get(id)
        due.delete(id)
        if (last) tell(last.counted, 'running')
      })
      due.set(id, { counted, cancel })
    },
    ended(view: OperationView): void {
      due.get(view.id)?.cancel()
      due.delete(view.id)
      tell(view, view.state)
    },
  }
}
