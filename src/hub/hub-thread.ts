import { extname } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { errorData, errorOf, LoomError } from '../errors.ts'
import type { FromHub, Port, ToHub } from './frames.ts'
import type { HubEvent, HubHealth } from './hub.ts'
import { HubClient } from './hub-client.ts'
import type { HubOptions } from './options.ts'
import { RestartPlan } from './restart-plan.ts'

// The compiler does not rewrite a worker's URL: the suffix of this very file serves sources and package alike.
const entry = new URL(`./thread${extname(import.meta.url)}`, import.meta.url)
const blockedAfterMs = 10_000
const killedAfterMs = 60_000
/** Damaged files are repaired at the start. */
const startLimitMs = 120_000
/** A hub that is just ending, of this process or one before, frees its folder within this. */
const lockTries = 6
const lockWaitMs = 500

/** A hub in a thread of its own, watched: a thread that ends or stands still is started again, and the consumptions resume. */
export class HubThread extends HubClient {
  readonly #options: HubOptions
  readonly #threadUrl: URL
  readonly #plan = new RestartPlan()
  readonly #pulse = new Int32Array(new SharedArrayBuffer(4))
  #worker: Worker | undefined
  #status: HubHealth['status'] = 'starting'
  #since = 0
  #restarts = 0
  #closed = false
  #retry: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #crash: LoomError | undefined

  private constructor(options: HubOptions, threadUrl: URL) {
    super()
    this.#options = options
    this.#threadUrl = threadUrl
    const { health } = this
    // The thread cannot tell of its own absence.
    Object.defineProperty(this, 'health', {
      value: {
        get: async (o: Record<string, never>) => (this.#status === 'ok' ? this.#seen(await health.get(o)) : this.#absent()),
        metrics: (o: Record<string, never>) => health.metrics(o),
      },
    })
  }

  /** `threadUrl`: the module that the thread runs. */
  static async start(options: HubOptions, threadUrl = entry): Promise<HubThread> {
    const thread = new HubThread(options, threadUrl)
    for (let tries = 1; ; tries++) {
      try {
        await thread.#launch()
        return thread
      } catch (error) {
        if (!(error instanceof LoomError && error.code === 'STORE_LOCKED') || tries >= lockTries) throw error
        await after(lockWaitMs)
      }
    }
  }

  override async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    clearInterval(this.#watch)
    const worker = this.#worker
    try {
      await super.close()
    } finally {
      this.#become('stopped')
      await worker?.terminate()
    }
  }

  async #launch(): Promise<void> {
    const worker = new Worker(this.#threadUrl, {
      workerData: { options: this.#options, pulse: this.#pulse.buffer },
      resourceLimits: { maxOldGenerationSizeMb: 512, stackSizeMb: 4 },
      stdout: false,
      stderr: false,
    })
    this.#worker = worker
    const port: Port<FromHub, ToHub> = {
      postMessage: message => worker.postMessage(message),
      onMessage: listener => void worker.on('message', listener),
    }
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
    const limit = setTimeout(() => reject(new LoomError('HUB_TIMEOUT', `start, ${startLimitMs} ms`)), startLimitMs)
    worker.once('message', (first: FromHub) => {
      if (first.t === 'failed') reject(errorOf(first.error))
      else resolve()
    })
    let cause: unknown
    let serving = false
    worker.on('error', error => {
      cause = error
      reject(new LoomError('HUB_FAILED', error instanceof Error ? error.message : String(error), { cause: error }))
    })
    worker.once('exit', code => {
      reject(new LoomError('HUB_FAILED', `the thread ended with code ${code}`))
      // Before it served, who waits for the launch hears of it and no one else.
      if (serving) this.#lost(cause ?? `the thread ended with code ${code}`)
    })
    try {
      await ready
    } catch (error) {
      if (this.#worker === worker) this.#worker = undefined
      await worker.terminate()
      throw error
    } finally {
      clearTimeout(limit)
    }
    serving = true
    this.#since = Date.now()
    this.attach(port)
    this.#crash = undefined
    this.#become('ok')
    this.#watchPulse(worker)
  }

  #lost(cause: unknown): void {
    this.#worker = undefined
    clearInterval(this.#watch)
    this.#crash = new LoomError('HUB_DOWN', cause instanceof Error ? cause.message : String(cause))
    this.detach(this.#crash)
    if (!this.#closed) this.#again()
  }

  #again(): void {
    const { delayMs, failed } = this.#plan.next(Date.now())
    this.#become(failed ? 'failed' : 'starting')
    this.#restarts++
    this.#retry = setTimeout(() => {
      this.#launch().catch(error => {
        this.#crash = error instanceof LoomError ? error : new LoomError('HUB_FAILED', String(error))
        if (!this.#closed) this.#again()
      })
    }, delayMs)
  }

  #watchPulse(worker: Worker): void {
    let seen = Atomics.load(this.#pulse, 0)
    let still = 0
    let last = performance.now()
    this.#watch = setInterval(() => {
      const beat = Atomics.load(this.#pulse, 0)
      const now = performance.now()
      // A main thread that was blocked itself proves nothing: at most two seconds count per look.
      still = beat === seen ? still + Math.min(now - last, 2000) : 0
      last = now
      seen = beat
      if (still >= killedAfterMs) void worker.terminate()
      else this.#become(still >= blockedAfterMs ? 'blocked' : 'ok')
    }, 1000).unref()
  }

  #become(status: HubHealth['status']): void {
    if (status === this.#status) return
    this.#status = status
    this.emit({ type: 'health', status, at: Date.now() } satisfies HubEvent)
  }

  #seen(health: HubHealth): HubHealth {
    return { ...health, restarts: this.#restarts }
  }

  #absent(): HubHealth {
    const { hubId, name = hubId, store } = this.#options
    return {
      hubId,
      name,
      status: this.#status,
      since: this.#since,
      restarts: this.#restarts,
      listeners: [],
      journal: { state: 'ok', headSeq: 0, diskBytes: 0 },
      store: { kind: store, state: 'error' },
      devices: 0,
      connections: 0,
      problems: this.#crash ? [errorData(this.#crash)] : [],
    }
  }
}
