import type { Socket } from 'node:net'
import { TokenBucket } from './token-bucket.ts'

const maxWaitMs = 5000
const lookMs = 20

export interface ConnectRateOptions {
  perSecond: number
  /** 0 = no limit */
  perSecondPerAddress: number
  maxWaiting: number
  now: () => number
  /** A socket was closed unread. */
  dropped(remoteAddress: string): void
}

interface Waiting {
  socket: Socket
  address: string
  since: number
  go: () => void
}

/** Lets sockets through to their TLS handshake at a bounded rate; the others wait unread for at most 5 s, then they are closed. */
export class ConnectRate {
  readonly #o: ConnectRateOptions
  readonly #all: TokenBucket
  readonly #byAddress = new Map<string, TokenBucket>()
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(o: ConnectRateOptions) {
    this.#o = o
    this.#all = new TokenBucket({ perSecond: o.perSecond, burst: 2 * o.perSecond, now: o.now() })
  }

  admit(socket: Socket, go: () => void): void {
    const { now, maxWaiting, dropped } = this.#o
    const address = socket.remoteAddress ?? ''
    if (!this.#waiting.length && this.#take(address, now())) {
      go()
      return
    }
    if (this.#waiting.length >= maxWaiting) {
      socket.destroy()
      dropped(address)
      return
    }
    this.#waiting.push({ socket, address, since: now(), go })
    this.#timer ??= setInterval(() => this.look(), lookMs).unref()
  }

  /** Lets through what the buckets allow by now. Runs by itself while sockets wait. */
  look(): void {
    const { now, dropped } = this.#o
    const at = now()
    this.#waiting = this.#waiting.filter(({ socket, address, since, go }) => {
      if (socket.destroyed) return false
      if (at - since > maxWaitMs) {
        socket.destroy()
        dropped(address)
        return false
      }
      if (!this.#take(address, at)) return true
      go()
      return false
    })
    if (this.#waiting.length) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  sweep(now: number): void {
    for (const [address, bucket] of this.#byAddress) if (bucket.full(now)) this.#byAddress.delete(address)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { socket } of this.#waiting) socket.destroy()
    this.#waiting = []
  }

  #take(address: string, now: number): boolean {
    const perSecond = this.#o.perSecondPerAddress
    if (!perSecond) return this.#all.take(now)
    let own = this.#byAddress.get(address)
    if (!own) this.#byAddress.set(address, (own = new TokenBucket({ perSecond, burst: 2 * perSecond, now })))
    if (!own.take(now)) return false
    if (this.#all.take(now)) return true
    own.give()
    return false
  }
}
