import { LoomError } from '../errors.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { checkMessage, type InboxMessage, inboxLimits, type NewInboxMessage, type Outcome } from './message.ts'

const messagesColl = 'inbox'
const headsColl = 'inbox_heads'

/** A message that was given out: it is nobody else's until it is settled, or `until`. */
export interface Taken extends InboxMessage {
  /** names this delivery; gone with it */
  lock: string
}

/** What became of a message, for who wants to know. */
export interface Settled {
  deviceId: string
  generation: string
  message: Omit<InboxMessage, 'body'>
  outcome: Outcome
  at: number
  /** as given with it */
  record: string
  sentBy: string
}

export interface InboxPorts {
  store: StateStore
  /** Further writes of the transaction that ends a message: feedback, history. */
  settled(what: Settled): readonly Write[]
  /** One change of a device's inbox at a time. */
  inTurn<T>(deviceId: string, work: () => Promise<T>): Promise<T>
  now: () => number
  random: (size: number) => Buffer
}

export interface Inbox {
  /** Resolves when it is on disk. COMMAND_INVALID, COMMAND_TOO_LARGE, COMMAND_QUEUE_FULL, COMMAND_EXISTS for an id that waits already. */
  enqueue(o: {
    deviceId: string
    generation: string
    message: NewInboxMessage
    /** names it in other books, for `settled` */
    record: string
    by: string
    /** further writes of its transaction */
    also?(sent: { id: string; seq: number }): readonly Write[]
  }): Promise<{ id: string; seq: number; expiresAt: number }>
  /** The oldest that nobody has, in order. `holder`: a connection, whose end gives them back; without it they come back after 60 s. */
  take(o: { deviceId: string; generation: string; max: number; holder?: string }): Promise<Taken[]>
  /** COMMAND_LOCK_LOST if it is not held any more. */
  settle(o: { deviceId: string; lock: string; as: 'completed' | 'rejected' }): Promise<void>
  /** Gives it back; the tenth time it is given up. COMMAND_LOCK_LOST. */
  abandon(o: { deviceId: string; lock: string }): Promise<void>
  /** What a connection held waits again, in its old place. */
  release(holder: string): void
  /** One of them waits again, in its old place; not counted as a delivery. */
  putBack(lock: string): void
  /** The lock of a message that was given out to be settled by its id. COMMAND_LOCK_LOST. */
  lockedById(o: { deviceId: string; id: string }): Promise<string>
  list(o: { deviceId: string }): Promise<(Omit<InboxMessage, 'body'> & { bytes: number; held: boolean })[]>
  /** Ends all of them. */
  purge(deviceId: string): Promise<number>
  /** The device is deleted: all end, and its numbers begin anew. */
  forget(deviceId: string): Promise<void>
  /** Ends what is past its time; returns the devices that had some. Due each few seconds. */
  expire(): Promise<string[]>
  /** Devices that somebody else's locks kept waiting, and whose locks ended by time. */
  unlocked(): string[]
}

interface MessageDoc extends Omit<InboxMessage, 'body'> {
  deviceId: string
  generation: string
  record: string
  sentBy: string
  /** base64 */
  body: string
}

interface Head {
  seq: number
  size: number
}

interface Lock {
  deviceId: string
  /** of the document */
  key: string
  until: number
  holder?: string
}

const messageOf = ({ deviceId: _, generation: __, record: ___, sentBy: ____, ...message }: MessageDoc) => message

const keyOf = (deviceId: string, seq: number): string => `${deviceId}|${String(seq).padStart(12, '0')}`

/**
 * Messages that wait for devices: in order, durable, bounded in number and time. Who has one at the moment is known in memory only: after a restart everything
 * that was not settled waits again, so a device may see a message twice and never misses one.
 */
export async function openInbox(ports: InboxPorts): Promise<Inbox> {
  const { store, inTurn, now, random } = ports
  await store.declare(messagesColl, { indexes: ['expiresAt'] })
  await store.declare(headsColl, {})
  const locks = new Map<string, Lock>()
  const heldKeys = new Map<string, string>()

  const headOf = async (deviceId: string): Promise<Stored<Head> | null> => store.get<Head>(headsColl, deviceId)
  const waiting = async (deviceId: string): Promise<Stored<MessageDoc>[]> =>
    (await store.query<MessageDoc>(messagesColl, { where: [['id', 'prefix', `${deviceId}|`]], limit: inboxLimits.depth })).items
  const headWrite = (deviceId: string, head: Stored<Head> | null, change: Head): Write => ({
    op: 'put',
    coll: headsColl,
    id: deviceId,
    doc: change,
    version: head?.version ?? 'new',
  })
  const unlock = (lock: string): void => {
    const held = locks.get(lock)
    if (!held) return
    locks.delete(lock)
    heldKeys.delete(held.key)
  }
  /** A lock whose time is over counts no more, swept or not. */
  const lockOf = (deviceId: string, lock: string): Lock => {
    const held = locks.get(lock)
    if (held?.deviceId === deviceId && held.until > now()) return held
    throw new LoomError('COMMAND_LOCK_LOST', `message of "${deviceId}"`, { hint: 'it waits again, or was settled' })
  }
  const end = async (deviceId: string, ended: readonly Stored<MessageDoc>[], outcome: Outcome): Promise<void> => {
    if (!ended.length) return
    const head = await headOf(deviceId)
    const writes = ended.flatMap(({ id, doc: { body: _, deviceId: __, generation, record, sentBy, ...message } }): Write[] => [
      { op: 'delete', coll: messagesColl, id },
      ...ports.settled({ deviceId, generation, message, outcome, at: now(), record, sentBy }),
    ])
    const size = Math.max(0, (head?.doc.size ?? 0) - ended.length)
    await store.tx([...writes, headWrite(deviceId, head, { seq: head?.doc.seq ?? 0, size })], { by: `device ${deviceId}` })
    for (const { id } of ended) {
      const lock = heldKeys.get(id)
      if (lock !== undefined) unlock(lock)
    }
  }

  return {
    async enqueue({ deviceId, generation, message, record, by, also }) {
      checkMessage(message)
      return inTurn(deviceId, async () => {
        const head = await headOf(deviceId)
        const { seq: last, size } = head?.doc ?? { seq: 0, size: 0 }
        if (size >= inboxLimits.depth)
          throw new LoomError('COMMAND_QUEUE_FULL', `"${deviceId}" has ${size} messages`, {
            hint: 'they wait until the device takes them or they expire',
          })
        const { id = random(16).toString('hex'), body, ttlMs = inboxLimits.ttlMs.default, ack = 'none', ...rest } = message
        if (message.id !== undefined && (await waiting(deviceId)).some(({ doc }) => doc.id === id))
          throw new LoomError('COMMAND_EXISTS', `message "${id}" of "${deviceId}"`)
        const at = now()
        const seq = last + 1
        const doc: MessageDoc = {
          ...rest,
          properties: rest.properties ?? {},
          id,
          seq,
          ack,
          enqueuedAt: at,
          expiresAt: at + ttlMs,
          deliveries: 0,
          deviceId,
          generation,
          record,
          sentBy: by,
          body: Buffer.from(body).toString('base64'),
        }
        await store.tx([
          { op: 'put', coll: messagesColl, id: keyOf(deviceId, seq), doc, version: 'new' },
          headWrite(deviceId, head, { seq, size: size + 1 }),
          ...(also?.({ id, seq }) ?? []),
        ])
        return { id, seq, expiresAt: doc.expiresAt }
      })
    },

    take: ({ deviceId, generation, max, holder }) =>
      inTurn(deviceId, async () => {
        const taken: Taken[] = []
        const at = now()
        for (const { id: key, doc } of await waiting(deviceId)) {
          if (taken.length >= max) break
          const lock = heldKeys.get(key)
          if (lock !== undefined && locks.get(lock)!.until > at) continue
          if (lock !== undefined) unlock(lock)
          // Of a device that had this id before, or past its time and not swept yet: the sweep ends it.
          if (doc.generation !== generation || doc.expiresAt <= at) continue
          const token = random(16).toString('hex')
          const until = holder === undefined ? at + inboxLimits.lockMs : Number.POSITIVE_INFINITY
          locks.set(token, { deviceId, key, until, ...(holder !== undefined && { holder }) })
          heldKeys.set(key, token)
          const { body, ...message } = messageOf(doc)
          taken.push({ ...message, body: Buffer.from(body, 'base64'), lock: token })
        }
        return taken
      }),

    settle: ({ deviceId, lock, as }) =>
      inTurn(deviceId, async () => {
        const { key } = lockOf(deviceId, lock)
        const stored = await store.get<MessageDoc>(messagesColl, key)
        if (stored) await end(deviceId, [stored], as)
        unlock(lock)
      }),

    abandon: ({ deviceId, lock }) =>
      inTurn(deviceId, async () => {
        const { key } = lockOf(deviceId, lock)
        const stored = await store.get<MessageDoc>(messagesColl, key)
        if (!stored) return unlock(lock)
        const deliveries = stored.doc.deliveries + 1
        if (deliveries >= inboxLimits.deliveries)
          return end(deviceId, [{ ...stored, doc: { ...stored.doc, deliveries } }], 'deadlettered')
        await store.put(messagesColl, key, { ...stored.doc, deliveries }, { version: stored.version })
        unlock(lock)
      }),

    release(holder) {
      for (const [lock, held] of locks) if (held.holder === holder) unlock(lock)
    },

    putBack: unlock,

    async lockedById({ deviceId, id }) {
      const key = (await waiting(deviceId)).find(({ doc }) => doc.id === id)?.id
      const lock = key === undefined ? undefined : heldKeys.get(key)
      // What a connection holds is settled by its acknowledgement.
      if (lock !== undefined && locks.get(lock)!.holder === undefined) return lock
      throw new LoomError('COMMAND_LOCK_LOST', `message "${id}" of "${deviceId}"`, { hint: 'it waits again, or was settled' })
    },

    async list({ deviceId }) {
      const at = now()
      return (await waiting(deviceId)).map(({ id: key, doc }) => {
        const { body, ...message } = messageOf(doc)
        const lock = heldKeys.get(key)
        const held = lock !== undefined && locks.get(lock)!.until > at
        return { ...message, bytes: Buffer.from(body, 'base64').length, held }
      })
    },

    purge: deviceId =>
      inTurn(deviceId, async () => {
        const all = await waiting(deviceId)
        await end(deviceId, all, 'purged')
        return all.length
      }),

    forget: deviceId =>
      inTurn(deviceId, async () => {
        await end(deviceId, await waiting(deviceId), 'purged')
        await store.tx([{ op: 'delete', coll: headsColl, id: deviceId }])
      }),

    async expire() {
      const devices = new Set<string>()
      while (true) {
        const { items } = await store.query<MessageDoc>(messagesColl, { where: [['expiresAt', '<=', now()]], limit: 500 })
        if (!items.length) return [...devices]
        const byDevice = Map.groupBy(items, ({ doc }) => doc.deviceId)
        for (const [deviceId, found] of byDevice) {
          devices.add(deviceId)
          await inTurn(deviceId, async () => {
            const still = await Promise.all(found.map(({ id }) => store.get<MessageDoc>(messagesColl, id)))
            await end(
              deviceId,
              still.filter(stored => stored !== null),
              'expired',
            )
          })
        }
      }
    },

    unlocked() {
      const devices = new Set<string>()
      const at = now()
      for (const [lock, { deviceId, until }] of locks) {
        if (until > at) continue
        unlock(lock)
        devices.add(deviceId)
      }
      return [...devices]
    },
  }
}
