import type { LoomError } from '../../errors.ts'
import { type BornMetrics, bdSeqOf, bornMetrics, measuredNames, type TimedValues, valuesOf } from './edge-metrics.ts'
import { timeOf } from './sparkplug-read.ts'
import type { WireMessage } from './sparkplug-shapes.ts'
import type { SparkplugKind } from './topic.ts'

/** One message of an edge; `device` names one of its own, '' itself. */
export interface EdgeMessage<S> {
  kind: SparkplugKind
  device: string
  wire: WireMessage
  bytes: number
  source: S
}

export type DropReason =
  /** came before, or is of a session that has ended */
  | 'duplicate'
  /** the birth that followed does not know its aliases or is of another session, or its device was not born */
  | 'unknown'
  /** too much waits for a birth, or the edge has too many devices */
  | 'full'
  /** no birth came in time */
  | 'expired'
  /** some of its values do not fit their types; the others were taken */
  | 'invalid'

/** Told in the order in which it happens. */
export interface EdgeListener<S> {
  values(of: { device: string; source: S; birth: boolean; late: boolean } & TimedValues): void
  /** Nothing more comes of it. Each message is done once, or dropped, unless that is `invalid`. */
  done(source: S): void
  stale(of: { device: string; time: number; names: string[]; source: S }): void
  rebirth(): void
  drop(of: { source: S; reason: DropReason; error?: LoomError }): void
}

export interface EdgeLimits {
  reorderMs: number
  rebirthMs: number
  parked: number
  waitMs: number
  devices: number
}

/** What waits for a birth or for what is missing, of all edges. */
export interface ParkRoom {
  held: number
  most: number
  heldBytes: number
  mostBytes: number
}

interface Waiting<S> {
  message: EdgeMessage<S>
  since: number
}

const edgeItself = ''
const whole = (device: string): boolean => device === edgeItself

/** What one edge said, and what it may be asked for (Sparkplug 3, 5 and 6.4). Time is an argument, and nothing is awaited: `due` is to be called at `dueAt`. */
export class SparkplugEdge<S> {
  readonly #limits: EdgeLimits
  readonly #room: ParkRoom
  readonly #tell: EdgeListener<S>
  /** Sequence numbers and aliases are those of the birth. */
  #born = false
  /** The session of the birth has not ended. */
  #alive = false
  #bdSeq: string | undefined
  /** What was sent before is of another session; undefined: none before this one is known. */
  #sessionAt: number | undefined
  #bornAt: number | undefined
  #next = 0
  #lastTime = 0
  #owners = new Map<string, BornMetrics>()
  /** By sequence number: came before what is missing. */
  #waiting = new Map<number, Waiting<S>>()
  #parked: Waiting<S>[] = []
  #wants = false
  #askedAt: number | undefined

  constructor(o: { limits: EdgeLimits; room: ParkRoom; tell: EdgeListener<S> }) {
    this.#limits = o.limits
    this.#room = o.room
    this.#tell = o.tell
  }

  take(message: EdgeMessage<S>, now: number): void {
    this.due(now)
    if (message.kind === 'NBIRTH') this.#birth(message, now)
    else if (message.kind === 'NDEATH') this.#death(message, now)
    else if (!message.kind.endsWith('CMD')) this.#sequenced(message, now)
  }

  /** What was taken or given up before: read by the names of this session, whatever its number, and it tells nothing of the session. */
  again(message: EdgeMessage<S>, now: number): void {
    const { kind, device, wire, source } = message
    const { timestamp = Number.NEGATIVE_INFINITY } = timeOf(wire)
    const birth = kind.endsWith('BIRTH')
    const sameSession = this.#born && timestamp >= (this.#sessionAt ?? Number.NEGATIVE_INFINITY)
    const born = birth ? bornMetrics(wire) : sameSession ? this.#owners.get(device) : undefined
    if (kind.endsWith('DEATH')) this.#tell.done(source)
    else if (!born || !this.#emit(message, born, now, true)) this.#tell.drop({ source, reason: 'unknown' })
  }

  /** What waiting came to. */
  due(now: number): void {
    while (this.#parked.length && now - this.#parked[0]!.since >= this.#limits.waitMs)
      this.#lose(this.#parked.shift()!, 'expired')
    const since = this.#waitingSince()
    if (since !== undefined && passed(since, this.#limits.reorderMs, now)) this.#needBirth(now)
    this.#ask(now)
  }

  /** When `due` has something to do, undefined: not by time alone. */
  dueAt(): number | undefined {
    const since = this.#waitingSince()
    const gap = since === undefined ? Number.POSITIVE_INFINITY : since + this.#limits.reorderMs
    const ask = this.#wants ? (this.#askedAt ?? 0) + this.#limits.rebirthMs : Number.POSITIVE_INFINITY
    const expiry = (this.#parked[0]?.since ?? Number.POSITIVE_INFINITY) + this.#limits.waitMs
    const at = Math.min(gap, ask, expiry)
    return at === Number.POSITIVE_INFINITY ? undefined : at
  }

  /** Nothing more is taken: what waits is dropped. */
  forget(): void {
    for (const one of this.#release()) this.#lose(one, 'full')
  }

  #birth(message: EdgeMessage<S>, now: number): void {
    const { wire, source } = message
    const { timestamp } = timeOf(wire)
    const bdSeq = bdSeqOf(wire)
    if (this.#born && timestamp !== undefined && timestamp === this.#bornAt && bdSeq === this.#bdSeq) {
      this.#tell.drop({ source, reason: 'duplicate' })
      return
    }
    for (const device of this.#owners.keys()) if (!whole(device)) this.#stale(device, now, source)
    const held = this.#release()
    // Aliases mean something else in another session.
    const sameSession = this.#bdSeq === undefined || this.#bdSeq === bdSeq
    const born = bornMetrics(wire)
    this.#owners = new Map([[edgeItself, born]])
    this.#born = this.#alive = true
    if (!sameSession) this.#sessionAt = timestamp ?? now
    this.#bdSeq = bdSeq
    this.#bornAt = timestamp
    this.#next = (Number(wire.seq ?? 0) + 1) & 0xff
    this.#lastTime = timestamp ?? 0
    this.#wants = false
    // By the clock of the edge itself, what is not older belongs to the new session.
    const isLater = (one: Waiting<S>) => timestamp !== undefined && (timeOf(one.message.wire).timestamp ?? -1) >= timestamp
    const later = held.filter(isLater)
    for (const one of held)
      if (!isLater(one)) {
        if (!sameSession) this.#lose(one, 'unknown')
        else if (one.message.kind === 'DDATA') this.#parked.push(one)
        else this.#late(one, now)
      }
    if (!this.#emit(message, born, now)) this.#tell.drop({ source, reason: 'unknown' })
    for (const one of later) this.#free(one.message)
    for (const one of later) this.#sequenced(one.message, now)
  }

  /** Of a will that a later session overtook it is not known. */
  #death({ wire, source }: EdgeMessage<S>, now: number): void {
    if (!this.#alive || bdSeqOf(wire) !== this.#bdSeq) {
      this.#tell.drop({ source, reason: 'duplicate' })
      return
    }
    for (const device of this.#owners.keys()) this.#stale(device, now, source)
    this.#owners.clear()
    for (const one of this.#release()) this.#lose(one, 'unknown')
    this.#born = this.#alive = this.#wants = false
    this.#tell.done(source)
  }

  #sequenced(message: EdgeMessage<S>, now: number): void {
    if (!this.#born) {
      this.#park(message, now)
      this.#want(now)
    } else if (message.wire.seq === undefined) this.#apply(message, now)
    else this.#inOrder(message, Number(message.wire.seq) & 0xff, now)
  }

  #inOrder(message: EdgeMessage<S>, seq: number, now: number): void {
    const { wire, source } = message
    if (seq !== this.#next) {
      const { timestamp } = timeOf(wire)
      const behind = ((this.#next - seq) & 0xff) <= 128
      const old = timestamp !== undefined && (timestamp < this.#lastTime || (behind && timestamp === this.#lastTime))
      if (old || this.#waiting.has(seq)) this.#tell.drop({ source, reason: 'duplicate' })
      else if (this.#hold(message)) this.#waiting.set(seq, { message, since: now })
      return
    }
    this.#step(message, now)
    for (let next = this.#waiting.get(this.#next); this.#born && next; next = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next)
      this.#free(next.message)
      this.#step(next.message, now)
    }
  }

  #step(message: EdgeMessage<S>, now: number): void {
    this.#next = (this.#next + 1) & 0xff
    this.#lastTime = timeOf(message.wire).timestamp ?? this.#lastTime
    this.#apply(message, now)
  }

  #apply(message: EdgeMessage<S>, now: number): void {
    const { kind, device, wire, source } = message
    if (kind === 'DDEATH') {
      if (this.#owners.has(device)) this.#stale(device, timeOf(wire).timestamp ?? now, source)
      this.#owners.delete(device)
      this.#tell.done(source)
      return
    }
    const born = this.#owners.get(device)
    if (kind === 'DBIRTH') this.#deviceBirth(message, now)
    else if (!born || !this.#emit(message, born, now)) {
      this.#park(message, now)
      this.#needBirth(now)
    }
  }

  #deviceBirth(message: EdgeMessage<S>, now: number): void {
    const { device, wire, source } = message
    if (!this.#owners.has(device) && this.#owners.size > this.#limits.devices) {
      this.#tell.drop({ source, reason: 'full' })
      return
    }
    const born = bornMetrics(wire)
    this.#owners.set(device, born)
    const earlier = this.#parked.filter(parked => parked.message.device === device)
    this.#parked = this.#parked.filter(parked => parked.message.device !== device)
    for (const one of earlier) this.#late(one, now)
    if (!this.#emit(message, born, now)) this.#tell.drop({ source, reason: 'unknown' })
  }

  /** Of a session before this birth, which says again what was meant. */
  #late({ message }: Waiting<S>, now: number): void {
    const { kind, device, wire, source } = message
    this.#free(message)
    const born = kind === 'DBIRTH' ? bornMetrics(wire) : this.#owners.get(device)
    if (kind === 'DDEATH') this.#tell.drop({ source, reason: 'duplicate' })
    else if (!born || !this.#emit(message, born, now, true)) this.#tell.drop({ source, reason: 'unknown' })
  }

  #emit({ kind, device, wire, source }: EdgeMessage<S>, born: BornMetrics, now: number, late = false): boolean {
    const found = valuesOf(wire, born, now)
    if (!found) return false
    const birth = kind.endsWith('BIRTH')
    for (const reading of found.readings) this.#tell.values({ device, source, birth, late, ...reading })
    const [error] = found.faults
    if (error) this.#tell.drop({ source, reason: 'invalid', error })
    this.#tell.done(source)
    return true
  }

  #stale(device: string, time: number, source: S): void {
    this.#tell.stale({ device, time, names: measuredNames(this.#owners.get(device)!), source })
  }

  /** From here on the numbers or names are not to be trusted. */
  #needBirth(now: number): void {
    this.#born = false
    this.#parked = this.#release()
    this.#want(now)
  }

  #want(now: number): void {
    this.#wants = true
    this.#ask(now)
  }

  #ask(now: number): void {
    if (!this.#wants || (this.#askedAt !== undefined && !passed(this.#askedAt, this.#limits.rebirthMs, now))) return
    this.#wants = false
    this.#askedAt = now
    this.#tell.rebirth()
  }

  #park(message: EdgeMessage<S>, since: number): void {
    if (this.#hold(message)) this.#parked.push({ message, since })
  }

  /** Whether there is room for it, after the oldest that are parked gave way. */
  #hold({ bytes, source }: EdgeMessage<S>): boolean {
    const room = this.#room
    const isFull = (): boolean => room.heldBytes + bytes > room.mostBytes || room.held >= room.most
    while (this.#parked.length && (this.#parked.length >= this.#limits.parked || isFull()))
      this.#lose(this.#parked.shift()!, 'full')
    if (isFull()) {
      this.#tell.drop({ source, reason: 'full' })
      return false
    }
    room.held++
    room.heldBytes += bytes
    return true
  }

  /** Of what is held. */
  #lose({ message }: Waiting<S>, reason: DropReason): void {
    this.#free(message)
    this.#tell.drop({ source: message.source, reason })
  }

  #free({ bytes }: EdgeMessage<S>): void {
    this.#room.held--
    this.#room.heldBytes -= bytes
  }

  /** All that waits, oldest first: what is parked, then what came too early by its numbers. */
  #release(): Waiting<S>[] {
    const early = [...this.#waiting].sort(([a], [b]) => ((a - this.#next) & 0xff) - ((b - this.#next) & 0xff))
    const held = [...this.#parked, ...early.map(([, one]) => one)]
    this.#waiting.clear()
    this.#parked = []
    return held
  }

  #waitingSince(): number | undefined {
    let since: number | undefined
    for (const waiting of this.#waiting.values()) since = Math.min(since ?? waiting.since, waiting.since)
    return since
  }
}

/** Clocks may be set back. */
const passed = (since: number, ms: number, now: number): boolean => now - since >= ms || now < since
