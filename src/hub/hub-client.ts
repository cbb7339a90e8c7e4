import { errorOf, LoomError } from '../errors.ts'
import type { ConsumerEvents, ConsumerState } from '../journal/journal-port.ts'
import { BatchDecoder } from './batch.ts'
import type { FromHub, Port, ToHub } from './frames.ts'
import { type Hub, type HubConsumer, type HubConsumerSpec, type HubEvent, hubApis } from './hub.ts'
import { runsOf } from './runs.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}
interface Consumption {
  spec: HubConsumerSpec
  events: ConsumerEvents
  state: ConsumerState
  paused: boolean
  /** it has a cursor in the hub */
  opened: boolean
  /** acknowledged in this turn of the event loop */
  acked: number[]
}

const callLimitMs = 30_000
/** Calls that wait for a device or an endpoint: as long as they may be told to, and the usual time more. */
const patientCalls: Readonly<Record<string, number>> = {
  'commands.call': 630_000,
  'deviceHttp.handle': 90_000,
  'actions.perform': 1_200_000,
}
/** Stopping drains connections and writes cursors: it may take longer than a call, but not as long as the runtime waits. */
const closeLimitMs = 12_000

/**
 * The hub's interface on this side of a port. The port may be lost and replaced: calls in between fail with HUB_DOWN, consumptions open again by themselves
 * and resume at their durable cursors.
 */
export class HubClient implements Hub {
  declare readonly devices: Hub['devices']
  declare readonly identity: Hub['identity']
  declare readonly pki: Hub['pki']
  declare readonly journal: Hub['journal']
  declare readonly telemetry: Hub['telemetry']
  declare readonly query: Hub['query']
  declare readonly health: Hub['health']
  declare readonly audit: Hub['audit']
  declare readonly policies: Hub['policies']
  declare readonly groups: Hub['groups']
  declare readonly fleet: Hub['fleet']
  declare readonly gateways: Hub['gateways']
  declare readonly provisioning: Hub['provisioning']
  declare readonly imports: Hub['imports']
  declare readonly deviceHttp: Hub['deviceHttp']
  declare readonly commands: Hub['commands']
  declare readonly models: Hub['models']
  declare readonly schemas: Hub['schemas']
  declare readonly reference: Hub['reference']
  declare readonly actions: Hub['actions']
  declare readonly configurations: Hub['configurations']
  declare readonly twins: Hub['twins']
  #port: Port<FromHub, ToHub> | undefined
  #calls = new Map<number, Pending>()
  #consumptions = new Map<number, Consumption>()
  #listeners = new Set<(event: HubEvent) => void>()
  #next = 1
  readonly #decoder = new BatchDecoder()
  #flush: NodeJS.Immediate | undefined
  #closed = false

  constructor() {
    Object.assign(this, Object.fromEntries(hubApis.map(api => [api, this.#proxy(api)])))
  }

  /** Connects to a started hub and opens the standing consumptions on it. */
  attach(port: Port<FromHub, ToHub>): void {
    this.#port = port
    port.onMessage(message => this.#receive(message))
    for (const c of this.#consumptions.keys()) this.#reopen(c, port)
  }

  /** The hub is gone: what waits for an answer fails. */
  detach(reason: Error = new LoomError('HUB_DOWN')): void {
    this.#flushAcks()
    this.#port = undefined
    for (const [id, call] of this.#calls) {
      clearTimeout(call.timer)
      this.#calls.delete(id)
      call.reject(reason)
    }
  }

  emit(event: HubEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  async consume(spec: HubConsumerSpec, events: ConsumerEvents): Promise<HubConsumer> {
    const c = this.#next++
    const state: ConsumerState = {
      name: spec.name,
      cursor: 0,
      inFlight: 0,
      lag: 0,
      delivered: 0,
      passedOver: 0,
      redelivered: 0,
      dead: 0,
      gaps: 0,
      live: true,
      seen: Date.now(),
    }
    const consumption: Consumption = { spec, events, state, paused: false, opened: false, acked: [] }
    this.#consumptions.set(c, consumption)
    try {
      await this.#call({ t: 'consume', id: 0, c, spec })
      consumption.opened = true
    } catch (error) {
      // A hub that is away for now opens it when it is back.
      if (this.#closed || !(error instanceof LoomError && error.code === 'HUB_DOWN')) {
        this.#consumptions.delete(c)
        this.#post({ t: 'release', id: 0, c })
        throw error
      }
    }
    return {
      name: spec.name,
      ack: seqs => this.#ack(consumption, seqs),
      retry: (seqs, delayMs) => {
        this.#flushAcks()
        this.#post({ t: 'retry', c, seqs: [...seqs], delayMs })
      },
      deadletter: async (seqs, why) => void (await this.#call({ t: 'deadletter', id: 0, c, seqs: [...seqs], why })),
      pause: paused => {
        const consumption = this.#consumptions.get(c)
        if (consumption) consumption.paused = paused
        this.#post({ t: 'pause', c, paused })
      },
      setRules: rules => {
        if (!consumption.spec.rules) return
        // A hub that is away has them when the consumption opens again
        consumption.spec = { ...consumption.spec, rules }
        this.#post({ t: 'rules', c, rules })
      },
      close: async () => {
        this.#flushAcks()
        if (this.#consumptions.delete(c) && this.#port) await this.#call({ t: 'release', id: 0, c })
      },
      state: () => this.#consumptions.get(c)?.state ?? { ...state, live: false },
    }
  }

  subscribe(listener: (event: HubEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#flushAcks()
    if (this.#port) await this.#call({ t: 'close', id: 0 }, closeLimitMs)
    this.detach()
  }

  /** Opens a standing consumption on a new hub, again each second until it stands, is released, or the hub is gone. */
  #reopen(c: number, port: Port<FromHub, ToHub>): void {
    const consumption = this.#consumptions.get(c)
    if (!consumption || this.#port !== port) return
    const { spec, opened } = consumption
    this.#call({ t: 'consume', id: 0, c, spec: opened ? resumed(spec) : spec }).then(
      () => {
        consumption.opened = true
        if (consumption.paused) this.#post({ t: 'pause', c, paused: true })
      },
      () => setTimeout(() => this.#reopen(c, port), 1000).unref(),
    )
  }

  #proxy(api: string): object {
    return new Proxy(
      {},
      {
        get: (_, method) =>
          typeof method === 'string' && method !== 'then'
            ? (arg: unknown) => this.#call({ t: 'call', id: 0, api, method, arg }, patientCalls[`${api}.${method}`])
            : undefined,
      },
    )
  }

  /** One message for all of a turn: a flow acknowledges record by record. */
  #ack({ acked }: Consumption, seqs: readonly number[]): void {
    this.#flush ??= setImmediate(() => this.#flushAcks())
    for (const seq of seqs) acked.push(seq)
  }

  #flushAcks(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    for (const [c, { acked }] of this.#consumptions) if (acked.length) this.#post({ t: 'ack', c, runs: runsOf(acked.splice(0)) })
  }

  #post(message: ToHub): void {
    this.#port?.postMessage(message)
  }

  #call(message: Extract<ToHub, { id: number }>, limitMs = callLimitMs): Promise<unknown> {
    const port = this.#port
    if (!port) return Promise.reject(new LoomError('HUB_DOWN'))
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const what = message.t === 'call' ? `${message.api}.${message.method}` : message.t
      const timer = setTimeout(() => {
        this.#calls.delete(id)
        reject(new LoomError('HUB_TIMEOUT', `${what}, ${limitMs} ms`))
      }, limitMs)
      this.#calls.set(id, { resolve, reject, timer })
      try {
        port.postMessage({ ...message, id })
      } catch (cause) {
        clearTimeout(timer)
        this.#calls.delete(id)
        reject(new LoomError('REQUEST_INVALID', `${what}: only plain data crosses to the hub`, { cause }))
      }
    })
  }

  #receive(message: FromHub): void {
    switch (message.t) {
      case 'ret':
        this.#settle(message.id)?.resolve(message.value)
        break
      case 'err':
        this.#settle(message.id)?.reject(errorOf(message.error))
        break
      case 'batch': {
        const consumption = this.#consumptions.get(message.c)
        if (!consumption) return
        const records = this.#decoder.decode(message.buffer)
        consumption.events.deliver(records)
        if (consumption.spec.ack !== 'flow')
          this.#ack(
            consumption,
            records.map(record => record.seq),
          )
        break
      }
      case 'gap':
        this.#consumptions.get(message.c)?.events.gap?.(message.gap)
        break
      case 'state': {
        const consumption = this.#consumptions.get(message.c)
        if (consumption) consumption.state = message.state
        break
      }
      case 'events':
        for (const event of message.events) this.emit(event)
    }
  }

  #settle(id: number): Pending | undefined {
    const call = this.#calls.get(id)
    if (call) clearTimeout(call.timer)
    this.#calls.delete(id)
    return call
  }
}

/** A restarted hub knows the consumer's cursor; where a new one would start no longer matters, and must not fail. */
const resumed = (spec: HubConsumerSpec): HubConsumerSpec => ({
  ...spec,
  start: spec.start === 'latest' || spec.start === undefined ? 'latest' : 'earliest',
})
