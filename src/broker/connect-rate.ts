import type { Socket } from 'node:net'
import { TokenBuckets } from './token-buckets.ts'

const maxWaitMs = 5000
const lookMs = 20

export interface ConnectRateOptions {
  /** 0 = no limit */
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
  readonly #all: TokenBuckets
  readonly #byAddress: TokenBuckets
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(o: ConnectRateOptions) {
    this.#o = o
    this.#all = new TokenBuckets({ perSecond: o.perSecond, burst: 2 * o.perSecond })
    this.#byAddress = new TokenBuckets({ perSecond: o.perSecondPerAddress, burst: 2 * o.perSecondPerAddress })
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
    this.#byAddress.sweep(now)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { socket } of this.#waiting) socket.destroy()
    this.#waiting = []
  }

  #take(address: string, now: number): boolean {
    if (!this.#byAddress.take(address, now)) return false
    if (this.#all.take('', now)) return true
    this.#byAddress.give(address)
    return false
  }
}
