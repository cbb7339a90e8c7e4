import type { DeviceCredential } from './credentials.ts'
import type { Emission } from './faults.ts'
import type { Endpoint, Link, OpenLink } from './link.ts'
import { type Clock, fullJitter, type Pacer } from './pacer.ts'

export interface Counters {
  connected: number
  reconnects: number
  sent: number
  acked: number
  /** sent once more after a lost connection */
  resent: number
  /** never sent: the backlog was full */
  dropped: number
  /** failed attempts to connect */
  failures: number
  lastError?: string
}

export interface ConnectionPorts {
  clock: Clock
  random: () => number
  open: OpenLink
  pacer: Pacer
  /** Bounds how many devices connect at a time: a hub that is slower than the pacer is not overrun. */
  slot: <T>(work: () => Promise<T>) => Promise<T>
  endpoint: () => Endpoint
  /** `renew`: the hub refused the one given before. */
  credential: (renew: boolean) => Promise<DeviceCredential>
  counters: Counters
  sent: (emission: Emission, resent: boolean) => void
  firstUp: () => void
}

/**
 * The connection of one device: connects through the pacer, again with full jitter after each loss, sends in order with a bounded number of unacknowledged
 * messages, keeps a bounded backlog meanwhile and repeats what was not acknowledged.
 */
export class DeviceConnection {
  readonly #id: string
  readonly #topic: string
  readonly #most: { inFlight: number; backlog: number }
  readonly #ports: ConnectionPorts
  #link: Link | undefined
  #state: 'waiting' | 'connecting' | 'up' | 'stopped' = 'waiting'
  #cancel: (() => void) | undefined
  #attempt = 0
  #everUp = false
  #renew = false
  #pending: { emission: Emission; resent: boolean }[] = []
  readonly #inFlight = new Set<Emission[]>()
  #drained: (() => void) | undefined
  #decided: (() => void) | undefined

  constructor(o: { id: string; topic: string; inFlight: number; backlog: number; ports: ConnectionPorts }) {
    this.#id = o.id
    this.#topic = o.topic
    this.#most = o
    this.#ports = o.ports
  }

  start(): void {
    this.#connectAfter(0)
  }

  offer(emission: Emission): void {
    if (this.#state === 'stopped') return
    if (this.#pending.length >= this.#most.backlog) {
      this.#pending.shift()
      this.#ports.counters.dropped++
    }
    this.#pending.push({ emission, resent: false })
    this.#pump()
  }

  /** Breaks the connection, if there is one, and connects again after `ms`. */
  interrupt(ms: number): void {
    if (this.#state !== 'up') return
    void this.#link!.close(false)
    this.#lost()
    this.#connectAfter(ms)
  }

  /** Sends the backlog for at most `withinMs`, then disconnects. */
  async stop(withinMs: number): Promise<void> {
    if (this.#state === 'up' && (this.#pending.length || this.#inFlight.size)) {
      await new Promise<void>(resolve => {
        const cancel = this.#ports.clock.after(withinMs, resolve)
        this.#drained = () => {
          cancel()
          resolve()
        }
      })
    }
    const wasUp = this.#state === 'up'
    this.#state = 'stopped'
    this.#decided?.()
    this.#cancel?.()
    if (wasUp) this.#ports.counters.connected--
    await this.#link?.close(wasUp && !this.#inFlight.size)
  }

  #connectAfter(ms: number): void {
    this.#state = 'waiting'
    this.#cancel = this.#ports.clock.after(ms, () => this.#ports.pacer.run(() => void this.#ports.slot(() => this.#connect())))
  }

  /** One attempt; resolves when it is decided. */
  async #connect(): Promise<void> {
    if (this.#state !== 'waiting') return
    this.#state = 'connecting'
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#decided = resolve
    try {
      const renew = this.#renew
      this.#renew = false
      const credential = await this.#ports.credential(renew)
      if (!this.#connecting()) return
      this.#open(credential)
      await promise
    } catch (thrown) {
      this.#failed(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }

  /** False once it was stopped while a credential was made. */
  #connecting(): boolean {
    return this.#state === 'connecting'
  }

  #open(credential: DeviceCredential): void {
    const { counters, firstUp, open, endpoint } = this.#ports
    this.#link = open(
      { id: this.#id, endpoint: endpoint(), credential },
      {
        up: () => {
          if (this.#state !== 'connecting') return
          this.#state = 'up'
          this.#decided?.()
          counters.connected++
          if (this.#everUp) counters.reconnects++
          else firstUp()
          this.#everUp = true
          this.#pump()
        },
        down: ({ refused, message }) => {
          this.#decided?.()
          if (this.#state === 'stopped') return
          this.#renew = refused && !this.#everUp // once admitted, a refusal is somebody's decision
          if (this.#state === 'up') this.#lost()
          this.#failed(message)
        },
      },
    )
  }

  #failed(message: string): void {
    if (this.#state === 'stopped') return
    this.#ports.counters.failures++
    this.#ports.counters.lastError = message.slice(0, 200)
    this.#connectAfter(fullJitter(this.#attempt++, this.#ports.random))
  }

  #lost(): void {
    this.#ports.counters.connected--
    this.#state = 'waiting'
    const again = [...this.#inFlight].flat().map(emission => ({ emission, resent: true }))
    this.#inFlight.clear()
    this.#pending = [...again, ...this.#pending]
    this.#drained?.()
  }

  #pump(): void {
    const { counters } = this.#ports
    while (this.#state === 'up' && this.#pending.length && this.#inFlight.size < this.#most.inFlight) {
      const { emission, resent } = this.#pending.shift()!
      const slot = [emission] // one object per sending: a duplicate is the same emission twice
      this.#inFlight.add(slot)
      counters.sent++
      if (resent) counters.resent++
      this.#ports.sent(emission, resent)
      const { time, seq, values } = emission
      this.#link!.publish(this.#topic, JSON.stringify({ time, seq, values }), () => {
        if (!this.#inFlight.delete(slot)) return
        counters.acked++
        this.#attempt = 0
        this.#pump()
      })
    }
    if (!this.#pending.length && !this.#inFlight.size) this.#drained?.()
  }
}
