import { type ErrorCode, type ErrorData, errorData, LoomError } from '../../errors.ts'
import { actionLimits, type ActionAnswer, type ActionOrder, type Attempt, type FailedAttempt } from './action.ts'
import { EndpointHealth, type Health } from './health.ts'
import { retryDelayMs } from './retry.ts'
import type { Waiting } from './waiting.ts'

/** Why a message was given up. */
export interface Burial {
  reason: 'action' | 'expired'
  code: ErrorCode
  message: string
  tries: number
  status?: number
}

export interface CourierPorts {
  /** One try; never rejects. `signal` ends it early. */
  send(order: ActionOrder, signal: AbortSignal): Promise<Attempt>
  /** Resolves when the dead letter is on disk, with its id where there is one. */
  bury(order: ActionOrder, why: Burial): Promise<number | undefined>
  /** Without it a message whose tries failed is given up at once. */
  waiting?: Waiting
  schedule(ms: number, fn: () => void): () => void
  now: () => number
  random: () => number
  /** Health may be another one. */
  changed(): void
  /** Work that nobody waits for failed. */
  fault(error: unknown): void
}

export interface CourierFigures {
  health: Health
  /** messages on disk, their size, and the arrival of the first, epoch ms */
  waiting: number
  waitingBytes: number
  oldestAt?: number
  done: number
  retries: number
  dead: number
  lastError?: ErrorData
  /** epoch ms of the last try */
  lastAt?: number
}

/**
 * Brings the messages of one endpoint to it, one after the other in the order of the calls: tries, waits and tries again; once that fails, messages wait on disk,
 * behind one probe at a time, and are sent in order when the endpoint answers again. A message is sent at least once.
 */
export class Courier {
  readonly #ports: CourierPorts
  readonly #health: EndpointHealth
  readonly #stop = new AbortController()
  #turn: Promise<unknown> = Promise.resolve()
  #cancelProbe: (() => void) | undefined
  #draining: Promise<void> | undefined
  /** Probes of the first one that waits. */
  #probes = 0
  #done = 0
  #retries = 0
  #dead = 0
  #lastError: ErrorData | undefined
  #lastAt: number | undefined

  constructor(ports: CourierPorts) {
    this.#ports = ports
    const waits = ports.waiting !== undefined && ports.waiting.count > 0
    this.#health = new EndpointHealth(waits ? ports.now() : undefined)
    if (waits) this.#probeLater()
  }

  /** Resolves when the message was taken by the endpoint, is on disk, or was given up. HUB_DOWN while closing, STORE_LIMIT if it can be kept nowhere. */
  take(order: ActionOrder): Promise<ActionAnswer> {
    // The turn ends when the message has its place; that place may still be on its way to the disk.
    const begun = this.#turn.then(() => this.#begin(order))
    this.#turn = begun.catch(() => {})
    return begun.then(({ answer }) => answer)
  }

  figures(): CourierFigures {
    const { waiting, now } = this.#ports
    const { bytes = 0, oldestAt } = waiting?.figures() ?? {}
    return {
      health: this.#health.at(now()),
      waiting: waiting?.count ?? 0,
      waitingBytes: bytes,
      ...(oldestAt !== undefined && { oldestAt }),
      done: this.#done,
      retries: this.#retries,
      dead: this.#dead,
      ...(this.#lastError && { lastError: this.#lastError }),
      ...(this.#lastAt !== undefined && { lastAt: this.#lastAt }),
    }
  }

  /** Ends what is under way: it waits on disk, or fails with HUB_DOWN. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#cancelProbe?.()
    await Promise.all([this.#turn, this.#draining])
  }

  async #begin(order: ActionOrder): Promise<{ answer: Promise<ActionAnswer> }> {
    const { waiting, now } = this.#ports
    if (this.#stop.signal.aborted) throw new LoomError('HUB_DOWN', 'the action was not carried out')
    if (waiting?.count) return { answer: this.#put(waiting, order, 0) }
    if (this.#health.at(now()) !== 'dead') return { answer: settled(await this.#deliver(order, triesOf(order))) }
    if (this.#health.mayTryDead(now())) return { answer: settled(await this.#deliver(order, 1)) }
    const { message } = this.#lastError ?? { message: 'it has failed for a day' }
    return {
      answer: this.#end(order, { reason: 'action', code: 'ROUTE_ACTION', message: `the endpoint is dead: ${message}`, tries: 0 }),
    }
  }

  async #deliver(order: ActionOrder, tries: number): Promise<ActionAnswer> {
    const { waiting, now, random } = this.#ports
    for (let tried = 1; ; tried++) {
      const attempt = await this.#send(order)
      if (attempt.ok) {
        this.#answered(tried > 1)
        const { response } = attempt
        return { outcome: 'done', tries: tried, ...(response && { response }) }
      }
      if (this.#stop.signal.aborted) {
        if (waiting) return this.#put(waiting, order, tried)
        throw new LoomError('HUB_DOWN', attempt.message)
      }
      if (attempt.kind !== 'transient') {
        this.#refused(attempt)
        return this.#end(order, buried(attempt, tried))
      }
      const { retryAfterMs } = attempt
      const delay = tried < tries ? retryDelayMs({ failed: tried, random: random(), retryAfterMs }) : undefined
      if (delay === undefined) {
        this.#failed(attempt)
        if (!waiting || this.#health.at(now()) === 'dead') return this.#end(order, buried(attempt, tried))
        return this.#put(waiting, order, tried)
      }
      this.#retries++
      await this.#pause(delay)
    }
  }

  async #put(waiting: Waiting, order: ActionOrder, tries: number): Promise<ActionAnswer> {
    await waiting.put(order, tries)
    this.#probeLater()
    if (waiting.full) await waiting.shed(this.#ports.now(), (old, why) => this.#giveUp(old, why))
    return { outcome: 'spooled', tries }
  }

  #probeLater(): void {
    const { schedule, now, random, fault } = this.#ports
    if (this.#cancelProbe || this.#draining || this.#stop.signal.aborted) return
    this.#cancelProbe = schedule(this.#health.probeInMs(now(), random()), () => {
      this.#cancelProbe = undefined
      this.#draining = this.#drain(this.#ports.waiting!)
        .catch(error => {
          this.#health.failed(now())
          fault(error)
        })
        .finally(() => {
          this.#draining = undefined
          if (this.#ports.waiting!.onDisk) this.#probeLater()
        })
    })
  }

  /** From the first that waits to the last, until one fails. */
  async #drain(waiting: Waiting): Promise<void> {
    const { now, bury } = this.#ports
    while (!this.#stop.signal.aborted) {
      const dead = this.#health.at(now()) === 'dead'
      const first = await waiting.first({ now: now(), dead, bury: (old, why) => this.#giveUp(old, why) })
      if (!first) return
      const { order, tries } = first
      const attempt = await this.#send(order)
      if (attempt.ok) this.#answered(true)
      else {
        if (this.#stop.signal.aborted) return waiting.keep()
        this.#probes++
        if (attempt.kind === 'transient') {
          this.#failed(attempt)
          return waiting.keep()
        }
        this.#refused(attempt)
        await bury(order, buried(attempt, tries + this.#probes))
        this.#dead++
      }
      this.#probes = 0
      await waiting.done()
    }
  }

  async #send(order: ActionOrder): Promise<Attempt> {
    const attempt = await this.#ports.send(order, this.#stop.signal)
    this.#lastAt = this.#ports.now()
    return attempt
  }

  async #giveUp(order: ActionOrder, why: Omit<Burial, 'code' | 'message'>): Promise<void> {
    const { code, message } = this.#lastError ?? { code: 'ROUTE_ACTION' as const, message: 'no place to wait' }
    await this.#ports.bury(order, { ...why, code, message })
    this.#dead++
  }

  async #end(order: ActionOrder, why: Burial): Promise<ActionAnswer> {
    const letter = await this.#ports.bury(order, why)
    this.#dead++
    const { code, message, tries, status } = why
    const answer = { outcome: 'dead', tries, error: { code, message } } as const
    return { ...answer, ...(status !== undefined && { status }), ...(letter !== undefined && { letter }) }
  }

  #answered(retried: boolean): void {
    this.#done++
    this.#lastError = undefined
    this.#health.answered(this.#ports.now(), { retried })
    this.#ports.changed()
  }

  #refused(attempt: FailedAttempt): void {
    this.#note(attempt)
    const { now, changed } = this.#ports
    if (attempt.kind === 'gone') this.#health.gone(now())
    else this.#health.answered(now(), { retried: false })
    changed()
  }

  #failed(attempt: FailedAttempt): void {
    this.#note(attempt)
    this.#health.failed(this.#ports.now(), attempt)
    this.#ports.changed()
  }

  #note({ code, message }: FailedAttempt): void {
    this.#lastError = errorData(new LoomError(code, message))
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop
    return new Promise(resolve => {
      const end = (): void => {
        cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = this.#ports.schedule(ms, end)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end)
    })
  }
}

const triesOf = ({ tries = actionLimits.tries }: ActionOrder): number => Math.max(1, Math.min(tries, actionLimits.mostTries))

const buried = ({ code, message, status }: FailedAttempt, tries: number): Burial => ({
  reason: 'action',
  ...errorData(new LoomError(code, message)),
  tries,
  ...(status !== undefined && { status }),
})

/** An answer that must not be awaited with the turn it comes from. */
const settled = (answer: ActionAnswer): Promise<ActionAnswer> => Promise.resolve(answer)
