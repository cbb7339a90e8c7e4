import type { ActionOrder, Attempt } from '../../../src/routing/action/action.ts'
import { type Burial, Courier } from '../../../src/routing/action/courier.ts'
import { Waiting } from '../../../src/routing/action/waiting.ts'
import { openMemorySpool } from '../../../src/stores/memory/spool.ts'

export const transient = (more: Partial<Extract<Attempt, { ok: false }>> = {}): Attempt => ({
  ok: false,
  kind: 'transient',
  code: 'ROUTE_ACTION',
  message: 'down',
  ...more,
})
export const final: Attempt = { ...transient({ status: 400 }), kind: 'final', message: 'bad' } as Attempt
export const gone: Attempt = { ...transient({ status: 410 }), kind: 'gone', message: 'gone' } as Attempt
export const ok: Attempt = { ok: true }

export const order = (name: string, bytes = 1): ActionOrder => ({
  node: 'n',
  name,
  action: { kind: 'webhook', url: 'https://example.com/', method: 'POST', headers: {} },
  original: { device: 'd', topic: 't', properties: {}, payload: new Uint8Array(bytes) },
})

/** A courier whose time only moves when it is told to, and whose endpoint does what `answer` says. */
export function steppedCourier({ spool = openMemorySpool(), spooling = true, random = 0.5, from = 1_800_000_000_000 } = {}) {
  let time = from
  const timers = new Set<{ at: number; fn: () => void }>()
  const sent: { name: string; at: number }[] = []
  const buried: ({ name: string } & Burial)[] = []
  const faults: unknown[] = []
  let answer: (name: string) => Attempt | Promise<Attempt> = () => ok
  const names = new Map<string, ActionOrder>()
  const waiting = new Waiting({
    spool,
    endpoint: 'e',
    seal(held) {
      names.set(held.order.name!, held.order)
      const head = Buffer.from(JSON.stringify({ name: held.order.name, tries: held.tries }).padEnd(64))
      return Buffer.concat([head, held.order.original.payload])
    },
    open(content) {
      const { name, tries } = JSON.parse(Buffer.from(content.subarray(0, 64)).toString())
      return { order: order(name, content.byteLength - 64), tries }
    },
    now: () => time,
    unreadable: error => void faults.push(error),
  })
  const courier = new Courier({
    async send({ name }, signal) {
      sent.push({ name: name!, at: time })
      const aborted = new Promise<Attempt>(resolve => {
        if (signal.aborted) resolve(transient())
        signal.addEventListener('abort', () => resolve(transient()))
      })
      return Promise.race([answer(name!), aborted])
    },
    async bury({ name }, why) {
      buried.push({ name: name!, ...why })
      return buried.length
    },
    ...(spooling && { waiting }),
    schedule(ms, fn) {
      const timer = { at: time + ms, fn }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    now: () => time,
    random: () => random,
    changed: () => {},
    fault: error => void faults.push(error),
  })
  /** Lets all go on that waits for nothing but its turn. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  }
  return {
    courier,
    spool,
    sent,
    buried,
    faults,
    settle,
    get time() {
      return time
    },
    answers(next: (name: string) => Attempt | Promise<Attempt>) {
      answer = next
    },
    /** Runs what becomes due in that time, each at its own. */
    async pass(ms: number): Promise<void> {
      const end = time + ms
      await settle()
      for (let steps = 0; steps < 10_000; steps++) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
        if (!next) break
        timers.delete(next)
        time = Math.max(time, next.at)
        next.fn()
        await settle()
      }
      time = end
    },
  }
}
