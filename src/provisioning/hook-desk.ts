import { LoomError } from '../errors.ts'
import { checkVerdict } from './hook-verdict.ts'
import type { ProvisioningHook, ProvisioningRequest, Verdict } from './provisioning-port.ts'

/** One request that waits for a verdict. */
export interface HookQuestion {
  request: ProvisioningRequest
  /** epoch ms: until then an answer counts */
  until: number
}

export interface HookDesk extends ProvisioningHook {
  /**
   * PROV_THROTTLED while too many wait, PROV_HOOK_TIMEOUT at once if nobody listens, else when the time is over. A request that is already asked
   * shares its answer.
   */
  ask(request: ProvisioningRequest, o: { timeoutMs: number }): Promise<Verdict>
  /** Gets every question, the open ones at once: a flow that was redeployed goes on where the old one stopped. Returns how to stop. */
  subscribe(listener: (question: HookQuestion) => void): () => void
  /** The first answer counts. PROV_INVALID; NOT_FOUND if nothing is open by that id any more. */
  answer(id: string, verdict: unknown): void
  /** Oldest first. */
  open(): HookQuestion[]
  /** Ends all with PROV_HOOK_TIMEOUT, and every later one. */
  close(): void
}

/** Carries provisioning requests to whoever decides in a flow, and verdicts back. */
export function createHookDesk(o: {
  now: () => number
  /** Runs it once after the time; the returned function takes it back. */
  schedule: (ms: number, run: () => void) => () => void
  /** default 100 */
  mostOpen?: number
}): HookDesk {
  const { now, schedule, mostOpen = 100 } = o
  const waiting = new Map<string, Waiting>()
  const listeners = new Set<(question: HookQuestion) => void>()
  let closed = false

  const settle = (id: string): Waiting | undefined => {
    const entry = waiting.get(id)
    waiting.delete(id)
    entry?.cancel()
    return entry
  }

  return {
    ask(request, { timeoutMs }) {
      const { id } = request
      const same = waiting.get(id)
      if (same) return same.verdict
      if (closed || listeners.size === 0)
        return Promise.reject(new LoomError('PROV_HOOK_TIMEOUT', 'no flow listens', { hint: 'deploy a loom-provision node' }))
      if (waiting.size >= mostOpen) return Promise.reject(new LoomError('PROV_THROTTLED', `${mostOpen} wait for a verdict`))
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>()
      const question = { request, until: now() + timeoutMs }
      const cancel = schedule(timeoutMs, () => settle(id)?.reject(late(id)))
      waiting.set(id, { question, verdict: promise, resolve, reject, cancel })
      for (const listener of [...listeners]) listener(question)
      return promise
    },
    subscribe(listener) {
      listeners.add(listener)
      for (const { question } of [...waiting.values()]) listener(question)
      return () => void listeners.delete(listener)
    },
    answer(id, verdict) {
      const checked = checkVerdict(verdict)
      const entry = settle(id)
      if (!entry) throw new LoomError('NOT_FOUND', `no provisioning request ${JSON.stringify(String(id).slice(0, 80))} is open`)
      entry.resolve(checked)
    },
    open: () => Array.from(waiting.values(), ({ question }) => question),
    close() {
      closed = true
      for (const id of [...waiting.keys()]) settle(id)?.reject(late(id))
    },
  }
}

interface Waiting {
  question: HookQuestion
  verdict: Promise<Verdict>
  resolve(verdict: Verdict): void
  reject(error: LoomError): void
  cancel(): void
}

const late = (id: string): LoomError => new LoomError('PROV_HOOK_TIMEOUT', `request ${id}`)
