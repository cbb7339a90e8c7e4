import type { Hub } from '../../hub/hub.ts'
import { repeatsText } from '../feed-status.ts'
import type { Status } from '../status.ts'
import type { RouteSummary } from './route-nodes.ts'
import type { RuleTable } from './rule-table.ts'

/** An error is worth a look for so long. */
const recentMs = 60_000

interface Shown {
  table: RuleTable
  figures: Pick<RouteSummary, 'seen' | 'lastError'>
  status: Status
  hub: Hub | undefined
  /** Records that wait in the journal. */
  lag(): number
  /** Repeats left out so far. */
  repeats(): number
}

/** Each second: how many rules, messages a second, what waits, repeats; instead of it a rule that cannot be read, or what ails the hub. Returns what ends it. */
export function showRoute({ table, figures, status, hub, lag, repeats }: Shown): () => void {
  let before = figures.seen
  let hubState = 'ok'
  const show = (): void => {
    const rate = figures.seen - before
    before = figures.seen
    const [fault] = table.faults
    const { lastError } = figures
    const hubWorks = hubState === 'ok' || hubState === 'degraded'
    const waiting = lag()
    const text = `${table.size} · ${rate}/s${waiting > 0 ? ` · ${waiting}` : ''}${repeatsText(repeats())}`
    if (fault) status('error', `${fault.row.name}: ${fault.error.message}`)
    else if (!hubWorks) status(hubState === 'failed' ? 'error' : 'waiting', hubState)
    else if (lastError && Date.now() - lastError.at < recentMs) status('warn', `${text} · ${lastError.rule} ${lastError.code}`)
    else status(waiting > 1000 ? 'busy' : 'ok', text)
  }
  const leave = hub?.subscribe(event => {
    if (event.type === 'health') hubState = event.status
  })
  const timer = setInterval(show, 1000).unref()
  show()
  return () => {
    clearInterval(timer)
    leave?.()
  }
}
