import {
  openSparkplug,
  type Sparkplug,
  type SparkplugReading,
  sparkplugLimits,
  type SparkplugTaken,
} from '../../codec/sparkplug/open-sparkplug.ts'
import type { DropReason } from '../../codec/sparkplug/edge.ts'
import { LoomError } from '../../errors.ts'
import { frameProperty } from '../../telemetry/key-frames.ts'
import type { Reading } from '../../telemetry/reading.ts'
import type { Emit, Msg, NewMsg } from '../define.ts'
import type { Packet } from './decoder.ts'
import { packetOf } from './packet.ts'
import { reasonOf } from './refusals.ts'
import { unpacked, type Packing } from './unpacked.ts'

/** A delivery that waits keeps its place in the window of its consumer, and comes again after a minute: it must be settled before, and leave room for births. */
export const sparkplugWaiting = { messages: 128, most: sparkplugLimits.parkedInAll, bytes: 2 * 1_048_576, ms: 45_000 } as const

export interface SparkplugMessagesOptions extends Packing {
  /** What readings name as their device: `edge/device`, with the group before it or without. */
  deviceNames: 'edge' | 'group'
  /** Messages that wait for a birth, at most. */
  waiting: number
  now(): number
  /** Calls once, until what it returns is called. */
  schedule(run: () => void, afterMs: number): () => void
  /** The readings of a message, none if it has none: nothing more comes of it. */
  send(msg: Msg, readings: Reading[], emit: Emit): Promise<void>
  /** Nobody can read it; `whole`: nor anything of it. */
  refuse(msg: Msg, error: LoomError, whole: boolean, emit: Emit): Promise<void>
  /** Nothing comes of it that did not come before. */
  pass(msg: Msg): Promise<void>
  /** Sent to an edge, as notices are. */
  rebirth(notice: NewMsg & { topic: string; payload: Uint8Array }, emit: Emit): void
  /** Others wait than before. */
  changed(): void
  /** Of a message that is not being taken now, if it is one. */
  failed(thrown: unknown, msg?: Msg): void
  /** Sends what no input caused. */
  emit: Emit
}

interface Source {
  msg: Msg
  packet: Packet
  again: boolean
}

const texts: Readonly<Record<Exclude<DropReason, 'duplicate' | 'invalid'>, readonly ['CODEC_UNBORN' | 'CODEC_LIMIT', string]>> = {
  unknown: ['CODEC_UNBORN', 'the birth that is known is not of its session, or has not its aliases'],
  expired: ['CODEC_UNBORN', `its edge was asked for a birth, and none came in ${sparkplugWaiting.ms / 1000} s`],
  full: ['CODEC_LIMIT', 'more messages wait for a birth than may, or the edge has too many devices'],
}

/** Messages of Sparkplug edges as readings, in order, with what waits for births and what they are asked for. One at a time, in turn with time. */
export class SparkplugMessages {
  readonly #o: SparkplugMessagesOptions
  /** Neither sent nor dropped. */
  readonly #held = new Set<Source>()
  #edges: Promise<Sparkplug<Source>> | undefined
  #turn: Promise<void> = Promise.resolve()
  #cancel: (() => void) | undefined
  #stopped = false
  /** in the journal; what is not after it comes again */
  #newest = 0

  constructor(o: SparkplugMessagesOptions) {
    this.#o = o
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#held.size
  }

  /** Resolves when all that comes of it now is sent. */
  take(msg: Msg, emit: Emit): Promise<void> {
    return this.#inTurn(() => this.#take(msg, emit))
  }

  /** What waits is forgotten; its deliveries come again. */
  stop(): void {
    this.#stopped = true
    this.#cancel?.()
    this.#held.clear()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => (this.#stopped ? undefined : work()))
    this.#turn = done.catch(() => undefined)
    return done
  }

  #open(): Promise<Sparkplug<Source>> {
    if (this.#edges) return this.#edges
    const { now, deviceNames, waiting } = this.#o
    this.#edges = openSparkplug<Source>({
      now,
      nameOf: ({ group, edge, device }) =>
        [...(deviceNames === 'group' ? [group] : []), edge, ...(device === undefined ? [] : [device])].join('/'),
      limits: { parkedInAll: waiting, parkedBytes: sparkplugWaiting.bytes, waitMs: sparkplugWaiting.ms },
    })
    this.#edges.catch(() => {
      this.#edges = undefined
    })
    return this.#edges
  }

  async #take(msg: Msg, emit: Emit): Promise<void> {
    const { now, refuse } = this.#o
    const edges = await this.#open()
    const packet = packetOf(msg, now())
    const { bytes, context } = packet
    const source: Source = { msg, packet, again: msg.replayed !== undefined }
    const isRepeat = this.#isRepeat(packet.source.jseq)
    const read = (): SparkplugTaken<Source> => {
      const { bytes: payload, inflated } = unpacked(bytes, context, this.#o)
      return edges.take({ topic: context.topic ?? '', payload, inflated, again: source.again, source })
    }
    let taken: SparkplugTaken<Source>
    try {
      taken = read()
    } catch (thrown) {
      if (!reasonOf(thrown)) throw thrown
      return refuse(msg, thrown as LoomError, true, emit)
    }
    this.#held.add(source)
    const known = taken.dropped.find(dropped => dropped.source === source && dropped.reason === 'duplicate')
    if (known && isRepeat) {
      // Its readings were sent, but somebody did not take them.
      await this.#hand({ ...taken, dropped: taken.dropped.filter(one => one !== known) }, emit, source)
      source.again = true
      taken = read()
    }
    await this.#hand(taken, emit, source)
    this.#arm(edges)
  }

  #isRepeat(jseq: number | undefined): boolean {
    if (jseq === undefined) return false
    if (jseq <= this.#newest) return true
    this.#newest = jseq
    return false
  }

  #arm(edges: Sparkplug<Source>): void {
    this.#cancel?.()
    const at = edges.dueAt()
    if (at === undefined || this.#stopped) return
    const { schedule, now, emit, failed } = this.#o
    const due = (): Promise<void> =>
      this.#inTurn(async () => {
        await this.#hand(edges.due(), emit)
        this.#arm(edges)
      })
    this.#cancel = schedule(() => void due().catch(failed), Math.max(1, at - now()))
  }

  /** What fails of the message `now` is thrown at the end. */
  async #hand(taken: SparkplugTaken<Source>, emit: Emit, now?: Source): Promise<void> {
    const { rebirth, failed } = this.#o
    let wrong: unknown
    const tried = async (source: Source, work: () => Promise<void>): Promise<void> => {
      try {
        await work()
      } catch (thrown) {
        if (source === now) wrong ??= thrown
        else failed(thrown, source.msg)
      }
    }
    for (const { topic, payload, group, edge } of taken.rebirths)
      rebirth({ notice: 'rebirth', topic, payload: Buffer.from(payload), group, edge }, emit)
    const readings = Map.groupBy(taken.messages, ({ source }) => source)
    const stale = Map.groupBy(taken.stale, ({ source }) => source)
    const invalid = new Map(taken.dropped.flatMap(({ source, error }) => (error ? [[source, error]] : [])))
    for (const source of taken.done) {
      this.#held.delete(source)
      for (const one of stale.get(source) ?? []) emit([undefined, staleNotice(one)])
      await tried(source, () => this.#send(source, readings.get(source) ?? [], invalid.get(source), emit))
    }
    for (const { source, reason } of taken.dropped) {
      if (reason === 'invalid') continue
      this.#held.delete(source)
      await tried(source, () => this.#drop(source, reason, emit))
    }
    this.#o.changed()
    if (wrong !== undefined) throw wrong
  }

  async #send(source: Source, messages: SparkplugReading<Source>[], invalid: LoomError | undefined, emit: Emit): Promise<void> {
    const { send, refuse } = this.#o
    const { msg } = source
    if (messages.length || !invalid) await send(msg, readingsOf(source, messages), emit)
    if (invalid) await refuse(msg, invalid, !messages.length, emit)
  }

  #drop({ msg, packet }: Source, reason: Exclude<DropReason, 'invalid'>, emit: Emit): Promise<void> {
    if (reason === 'duplicate') return this.#o.pass(msg)
    const [code, text] = texts[reason]
    const error = new LoomError(code, `${packet.context.topic?.slice(0, 100)}: ${text}`)
    return this.#o.refuse(msg, error, true, emit)
  }
}

/** A birth is a key frame, data are differences to it; what is out of its place is neither. */
function readingsOf({ packet }: Source, messages: readonly SparkplugReading<Source>[]): Reading[] {
  const { arrived, stream, topic, jseq, properties } = packet.source
  let key = true
  return messages.map(({ device, time, values, historical, birth, late }, idx) => {
    const frame = historical || late ? undefined : birth && key ? 'key' : 'diff'
    if (frame === 'key') key = false
    return {
      ...{ device, time, values, idx },
      ...(arrived !== undefined && { arrived }),
      ...(stream !== undefined && { stream }),
      ...(topic !== undefined && { topic }),
      ...(jseq !== undefined && { jseq }),
      properties: { ...properties, ...(frame && { [frameProperty]: frame }), ...(historical && { historical: 'true' }) },
    }
  })
}

function staleNotice({ device, time, names, group, edge, source }: SparkplugTaken<Source>['stale'][number]): NewMsg {
  const { device: by, topic, arrived, jseq } = source.packet.source
  return {
    ...{ notice: 'stale', device, time, payload: names, group, edge },
    source: { device: by, topic, arrived, ...(jseq !== undefined && { jseq }) },
  }
}
