import type { StateStore, Write } from '../storage/state-store.ts'

const coll = 'command_history'
const keptMs = 90 * 86_400_000
const sweepBatch = 500

/** What was asked of a device, and what became of it. Payloads are not kept. */
export interface CommandRecord {
  id: string
  device: string
  kind: 'method' | 'message'
  /** of the method */
  name?: string
  by: string
  /** epoch ms */
  at: number
  endedAt?: number
  /** method: `answered` or the code of its failure; message: what became of it; absent: under way, or the hub was killed meanwhile */
  outcome?: string
  /** method: the device's own */
  status?: number
  /** message: its id, as the device and feedback have it; its number among those of the device */
  messageId?: string
  seq?: number
}

export interface CommandHistory {
  /** The id of a record, which sorts by time. */
  idOf(device: string, at: number): string
  /** Writes of a record, for a transaction or alone. */
  write(record: CommandRecord): Write
  store(record: CommandRecord): Promise<void>
  /** What became of an earlier one. */
  get(id: string): Promise<CommandRecord | undefined>
  /** The newest first. */
  list(o: { device: string; limit?: number; cursor?: string }): Promise<{ items: CommandRecord[]; next?: string }>
  /** Removes what is older than 90 days. */
  sweep(): Promise<void>
}

/** Commands of the last 90 days, by device and time. */
export async function openCommandHistory(o: {
  store: StateStore
  now: () => number
  random: (size: number) => Buffer
}): Promise<CommandHistory> {
  const { store, now, random } = o
  await store.declare(coll, { indexes: ['at'] })
  // Several of one millisecond stay in their order.
  let count = 0
  const counted = (): string => String(count++ % 1_000_000).padStart(6, '0')
  const write = (record: CommandRecord): Write => ({ op: 'put', coll, id: record.id, doc: record })
  return {
    idOf: (device, at) => `${device}|${String(at).padStart(15, '0')}-${counted()}-${random(3).toString('hex')}`,
    write,
    store: async record => void (await store.tx([write(record)], { by: record.by })),
    get: async id => (await store.get<CommandRecord>(coll, id))?.doc,
    async list({ device, limit = 100, cursor }) {
      const { items, next } = await store.query<CommandRecord>(coll, {
        where: [['id', 'prefix', `${device}|`]],
        order: { by: 'id', desc: true },
        limit,
        ...(cursor !== undefined && { cursor }),
      })
      return { items: items.map(({ doc }) => doc), ...(next !== undefined && { next }) }
    },
    async sweep() {
      const old = () => store.query(coll, { where: [['at', '<', now() - keptMs]], limit: sweepBatch })
      for (let { items } = await old(); items.length > 0; { items } = await old())
        await store.tx(items.map(({ id }): Write => ({ op: 'delete', coll, id })))
    },
  }
}
