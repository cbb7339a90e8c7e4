import { LoomError } from '../errors.ts'
import type { Ask } from './ask.ts'
import type { CertificateCredential, DeviceCredential } from './credentials.ts'
import type { Emission } from './faults.ts'
import { type Endpoint, type Link, type OpenLink, topicOf } from './link.ts'
import { type Clock, fullJitter, type Pacer } from './pacer.ts'
import type { Outcome } from './wallet.ts'

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
  /** What came of a connection with it. */
  outcome: (credential: DeviceCredential, outcome: Outcome) => void
  counters: Counters
  sent: (emission: Emission, resent: boolean) => void
  firstUp: () => void
  /** Each connection, once it is up, and its end. */
  linked: (link: Link, credential: DeviceCredential) => void
  unlinked: () => void
}

/** A renewal waits for so long for the connection, before and after. */
const connectLimitMs = 90_000
/** ... and for so long for what is unacknowledged. */
const drainLimitMs = 5_000

/**
 * The connection of one device: connects through the pacer, again with full jitter after each loss, sends in order with a bounded number of unacknowledged
 * messages, keeps a bounded backlog meanwhile and repeats what was not acknowledged.
 */
export class DeviceConnection {
  readonly #id: string
  #topic = ''
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
  #credential: DeviceCredential | undefined
  #held = false
  #away = false
  #idle: (() => void) | undefined
  readonly #whenUp = new Set<() => void>()

  constructor(o: { id: string; inFlight: number; backlog: number; ports: ConnectionPorts }) {
    this.#id = o.id
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

  /** Breaks the connection, if there is one, and makes no other until `come`. */
  leave(): void {
    this.#away = true
    if (this.#state === 'waiting') this.#cancel?.()
    if (this.#state !== 'up') return
    void this.#link!.close(false)
    this.#lost()
  }

  come(): void {
    if (!this.#away) return
    this.#away = false
    if (this.#state === 'waiting') this.#connectAfter(0)
  }

  /**
   * Has a successor of its credential made, perhaps over the connection, then connects again with it; what is unacknowledged is waited for before. HUB_TIMEOUT; CRED_INVALID
   * if the hub refused the successor, and whatever `make` rejects with: the old one goes on.
   */
  async renew(make: (ask: Ask) => Promise<CertificateCredential>, { connected }: { connected: boolean }): Promise<void> {
    if (connected) await this.#untilUp()
    const { certPem } = await make((topic, request) => this.#link!.ask(topic, request))
    await this.#sendOut()
    if (this.#state === 'up') {
      void this.#link!.close(true)
      this.#lost()
      this.#connectAfter(0)
    }
    await this.#untilUp()
    const used = this.#credential
    if (used && 'certPem' in used && used.certPem === certPem) return
    throw new LoomError('CRED_INVALID', `${this.#id} came back with the old one`)
  }

  /** Sends the backlog for at most `withinMs`, then disconnects. */
  async stop(withinMs: number): Promise<void> {
    this.#held = false
    this.#pump()
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
    if (this.#away) return
    this.#cancel = this.#ports.clock.after(ms, () => this.#ports.pacer.run(() => void this.#ports.slot(() => this.#connect())))
  }

  /** One attempt; resolves when it is decided. */
  async #connect(): Promise<void> {
    if (this.#state !== 'waiting' || this.#away) return
    this.#state = 'connecting'
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#decided = resolve
    try {
      const renew = this.#renew
      this.#renew = false
      const credential = await this.#ports.credential(renew)
      if (!this.#connecting()) return
      this.#credential = credential
      this.#topic = topicOf(this.#id, credential)
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
    const { counters, firstUp, open, endpoint, outcome, linked } = this.#ports
    const successor = 'successor' in credential
    const link = open(
      { id: this.#id, endpoint: endpoint(), credential },
      {
        up: () => {
          if (this.#state !== 'connecting') return
          this.#decided?.()
          if (this.#away) {
            this.#state = 'waiting'
            void link.close(false)
            return
          }
          this.#state = 'up'
          counters.connected++
          if (this.#everUp) counters.reconnects++
          else firstUp()
          this.#everUp = true
          outcome(credential, 'up')
          linked(link, credential)
          for (const resolve of this.#whenUp) resolve()
          this.#pump()
        },
        down: ({ refused, message }) => {
          this.#decided?.()
          if (this.#state === 'stopped') return
          this.#renew = refused && !this.#everUp && !successor // once admitted, a refusal is somebody's decision
          if (this.#state === 'up') this.#lost()
          else outcome(credential, refused ? 'refused' : 'failed')
          this.#failed(message)
        },
      },
    )
    this.#link = link
  }

  #failed(message: string): void {
    if (this.#state === 'stopped') return
    this.#ports.counters.failures++
    this.#ports.counters.lastError = message.slice(0, 200)
    this.#connectAfter(fullJitter(this.#attempt++, this.#ports.random))
  }

  #lost(): void {
    this.#ports.counters.connected--
    this.#ports.unlinked()
    this.#state = 'waiting'
    const again = [...this.#inFlight].flat().map(emission => ({ emission, resent: true }))
    this.#inFlight.clear()
    this.#pending = [...again, ...this.#pending]
    this.#drained?.()
    this.#idle?.()
  }

  /** Resolves when the connection is up. HUB_TIMEOUT. */
  async #untilUp(): Promise<void> {
    if (this.#state === 'up') return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const late = (): void => reject(new LoomError('HUB_TIMEOUT', `${this.#id} is not connected`))
    const cancel = this.#ports.clock.after(connectLimitMs, late)
    this.#whenUp.add(resolve)
    try {
      await promise
    } finally {
      cancel()
      this.#whenUp.delete(resolve)
    }
  }

  /** Waits for what is unacknowledged, and sends nothing new meanwhile. */
  async #sendOut(): Promise<void> {
    if (this.#state !== 'up' || !this.#inFlight.size) return
    this.#held = true
    await new Promise<void>(resolve => {
      const cancel = this.#ports.clock.after(drainLimitMs, resolve)
      this.#idle = () => {
        cancel()
        resolve()
      }
    })
    this.#idle = undefined
    this.#held = false
  }

  #pump(): void {
    const { counters } = this.#ports
    while (this.#state === 'up' && !this.#held && this.#pending.length && this.#inFlight.size < this.#most.inFlight) {
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
    if (!this.#inFlight.size) this.#idle?.()
    if (!this.#pending.length && !this.#inFlight.size) this.#drained?.()
  }
}
