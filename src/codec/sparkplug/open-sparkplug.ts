import { LoomError } from '../../errors.ts'
import { SparkplugEdge, type DropReason, type EdgeLimits, type ParkRoom } from './edge.ts'
import { openSparkplugCodec } from './sparkplug-codec.ts'
import { rebirthMetric, type SparkplugCommand, sparkplugCommand } from './sparkplug-command.ts'
import { type EdgeName, readHostTopic, readSparkplugTopic } from './topic.ts'

export const sparkplugLimits = {
  /** Edges that are remembered; those not heard of for longest are forgotten. */
  edges: 10_000,
  /** of one edge */
  devices: 1000,
  /** Messages of one edge that wait for a birth. */
  parked: 1000,
  /** Messages that wait, of all edges. */
  parkedInAll: 10_000,
  /** their payloads */
  parkedBytes: 16 * 1_048_576,
  /** How long a message waits for a birth. */
  waitMs: Number.POSITIVE_INFINITY,
  /** How long a missing number is waited for. */
  reorderMs: 2000,
  /** An edge is asked for a birth at most once in that time. */
  rebirthMs: 30_000,
} as const

/** `device`: by default `{edge}` or `{edge}/{device}`. `source`: what came with the message whose values they are. */
export interface SparkplugReading<S> extends EdgeName {
  device: string
  /** epoch ms UTC, of the metrics, else of the payload */
  time: number
  values: Record<string, unknown>
  /** Kept back by the edge: it must not become the latest. */
  historical?: true
  /** All that there is, not only what changed. */
  birth?: true
  /** Out of its place: others may be missing between it and those around it. */
  late?: true
  source: S
}

export interface SparkplugTaken<S> {
  messages: SparkplugReading<S>[]
  /** To be published to the edges. */
  rebirths: (SparkplugCommand & EdgeName)[]
  /** What these devices said last is not true any more; `source`: that told of it. */
  stale: (EdgeName & { device: string; time: number; names: string[]; source: S })[]
  /** Of these nothing more comes; of what is in neither list yet, later. */
  done: S[]
  /** What gives no values; where it is `invalid` not all of them, and the message is among `done` too. */
  dropped: { source: S; reason: DropReason; error?: LoomError }[]
}

export interface SparkplugOptions {
  now: () => number
  limits?: Partial<Record<keyof typeof sparkplugLimits, number>>
  nameOf?(of: EdgeName & { device?: string }): string
}

export interface Sparkplug<S> {
  /**
   * A message by its topic; those of hosts and commands give nothing. CODEC_* for bytes that are no payload and for another topic. `again`: it was taken or dropped before, and is read by what is known,
   * without its place in the order: it never waits.
   */
  take(message: { topic: string; payload: Uint8Array; inflated?: boolean; again?: boolean; source: S }): SparkplugTaken<S>
  /** What waiting came to; to be called at `dueAt`. */
  due(): SparkplugTaken<S>
  /** epoch ms; undefined: nothing waits for a time */
  dueAt(): number | undefined
  /** Nothing more comes: what still waits is among `dropped`. */
  close(): SparkplugTaken<S>
}

interface Held<S> {
  edge: SparkplugEdge<S>
  name: EdgeName
}

/** Readings of Sparkplug edges: remembers births, puts messages in order, and asks for what is missing. CODEC_UNAVAILABLE without the package protobufjs. */
export async function openSparkplug<S = undefined>(options: SparkplugOptions): Promise<Sparkplug<S>> {
  const codec = await openSparkplugCodec()
  const { now, nameOf = ({ edge, device }) => (device === undefined ? edge : `${edge}/${device}`) } = options
  const limits = { ...sparkplugLimits, ...options.limits }
  const room: ParkRoom = { held: 0, most: limits.parkedInAll, heldBytes: 0, mostBytes: limits.parkedBytes }
  /** The one not heard of for longest comes first. */
  const edges = new Map<string, Held<S>>()
  /** When they are due. */
  const pending = new Map<SparkplugEdge<S>, number>()
  let taken = empty<S>()

  const open = (name: EdgeName): Held<S> => {
    const named = (device: string): string => nameOf(device ? { ...name, device } : name)
    const edge = new SparkplugEdge<S>({
      limits: limits satisfies EdgeLimits,
      room,
      tell: {
        values: ({ device, birth, late, ...reading }) =>
          taken.messages.push({
            ...{ ...name, ...reading, device: named(device) },
            ...(birth && { birth }),
            ...(late && { late }),
          }),
        done: source => taken.done.push(source),
        stale: ({ device, ...stale }) => taken.stale.push({ ...name, ...stale, device: named(device) }),
        rebirth() {
          const command = sparkplugCommand(codec, name, { metrics: [rebirthMetric], timestamp: now() })
          taken.rebirths.push({ ...name, ...command })
        },
        drop: dropped => taken.dropped.push(dropped),
      },
    })
    return { edge, name }
  }
  const edgeOf = (name: EdgeName): SparkplugEdge<S> => {
    const key = `${name.group}/${name.edge}`
    const held = edges.get(key) ?? open(name)
    edges.delete(key)
    edges.set(key, held)
    if (edges.size > limits.edges) {
      const [[oldest, { edge }]] = edges as unknown as [[string, Held<S>]]
      edges.delete(oldest)
      pending.delete(edge)
      edge.forget()
    }
    return held.edge
  }
  const during = (work: () => void): SparkplugTaken<S> => {
    taken = empty()
    work()
    return taken
  }
  const settle = (edge: SparkplugEdge<S>): void => {
    const at = edge.dueAt()
    if (at === undefined) pending.delete(edge)
    else pending.set(edge, at)
  }

  return {
    take: ({ topic, payload, source, inflated = false, again = false }) =>
      during(() => {
        const read = readSparkplugTopic(topic)
        if (!read) {
          if (readHostTopic(topic) !== undefined) return void taken.done.push(source)
          throw new LoomError('CODEC_FORMAT', `topic ${JSON.stringify(topic.slice(0, 80))}`, {
            hint: 'Sparkplug needs the topic spBv1.0/group/kind/edge',
            position: 0,
          })
        }
        const { kind, group, edge: id, device = '' } = read
        if (kind.endsWith('CMD')) return void taken.done.push(source)
        const wire = codec.read(payload, { topic, inflated })
        const message = { kind, device, wire, source, bytes: payload.length }
        const edge = edgeOf({ group, edge: id })
        if (again) edge.again(message, now())
        else edge.take(message, now())
        settle(edge)
      }),
    due: () =>
      during(() => {
        for (const edge of [...pending.keys()]) {
          edge.due(now())
          settle(edge)
        }
      }),
    dueAt() {
      let at: number | undefined
      for (const due of pending.values()) at = Math.min(at ?? due, due)
      return at
    },
    close: () =>
      during(() => {
        for (const { edge } of edges.values()) edge.forget()
        edges.clear()
        pending.clear()
      }),
  }
}

const empty = <S>(): SparkplugTaken<S> => ({ messages: [], rebirths: [], stale: [], done: [], dropped: [] })
