import { createHmac, timingSafeEqual } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Condition, StateStore, Stored, Write } from '../storage/state-store.ts'
import { type AuditEntry, type AuditFact, detailHashOf, faultOf, hashOf, noPrevious } from './audit-entry.ts'
import { redacted } from './redact.ts'

const entriesColl = 'audit'
const detailsColl = 'audit_details'
const checkpointsColl = 'audit_checkpoints'
const checkpointEvery = 1000
const dayMs = 86_400_000
const pageSize = 500

/** What the chain looked like at a time, signed: kept elsewhere, it shows that later entries were cut off or the chain was written anew. */
export interface Checkpoint {
  seq: number
  hash: string
  /** epoch ms */
  time: number
  /** HMAC-SHA-256 under the hub's audit key, hex */
  sig: string
}

export interface AuditQuery {
  /** epoch ms, inclusive */
  from?: number
  /** epoch ms, exclusive */
  to?: number
  actor?: string
  action?: string
  target?: string
  /** 1..1000, default 100 */
  limit?: number
  cursor?: string
}

export interface AuditView extends AuditEntry {
  detail?: Record<string, unknown>
}

export type Verification =
  | { ok: true; checked: number; head: number }
  | { ok: false; checked: number; seq: number; reason: string }

/** A fact with the place it came from, by which it is recognised if it is told twice. */
export interface SourcedFact extends AuditFact {
  source?: string
}

/** A hash chain of everything that was changed or refused; nobody writes its collections but this. */
export interface AuditLog {
  /** In the order of the calls; facts whose `source` is already in the chain are passed over. Resolves when durable. */
  append(facts: readonly SourcedFact[]): Promise<void>
  /** Newest first. STORE_QUERY_INVALID. */
  query(o: AuditQuery): Promise<{ items: AuditView[]; next?: string }>
  /** Recomputes the chain, from the first entry or after a checkpoint. AUDIT_BROKEN only for a checkpoint whose own signature is wrong. */
  verify(o?: { after?: Checkpoint; upTo?: Checkpoint }): Promise<Verification>
  /** Signs the present end if a thousand entries or a day have passed since the last checkpoint, or if `force`. */
  checkpoint(o?: { force?: boolean }): Promise<Checkpoint | undefined>
  /** Newest first. */
  checkpoints(o: { limit: number }): Promise<Checkpoint[]>
  /** Erases the details about a target (a person asked for it); the chain stays whole. */
  eraseDetails(o: { target: string; by: string }): Promise<{ erased: number }>
  readonly head: number
}

type StoredEntry = AuditEntry & { source?: string }
interface Detail {
  text: string
  target: string
}

const idOf = (seq: number) => String(seq).padStart(15, '0')

export async function openAuditLog(o: { store: StateStore; key: Uint8Array; now: () => number }): Promise<AuditLog> {
  const { store, now } = o
  await store.declare(entriesColl, { indexes: ['time', 'actor', 'action', 'target'], unique: ['source'] })
  await store.declare(detailsColl, { indexes: ['target'] })
  await store.declare(checkpointsColl, {})
  const last = async <T extends object>(coll: string): Promise<T | undefined> =>
    (await store.query<T>(coll, { order: { by: 'id', desc: true }, limit: 1 })).items[0]?.doc
  const newest = await last<StoredEntry>(entriesColl)
  let head = { seq: newest?.seq ?? 0, hash: newest?.hash ?? noPrevious }
  let signed = await last<Checkpoint>(checkpointsColl)
  const opened = now()
  let queue: Promise<unknown> = Promise.resolve()

  /** One writer at a time: each entry needs the hash of the one before. */
  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => {})
    return turn
  }

  const knownOf = async (facts: readonly SourcedFact[]): Promise<Set<string | undefined>> => {
    const sources = facts.flatMap(({ source }) => (source === undefined ? [] : [source]))
    const known = new Set<string | undefined>()
    for (let at = 0; at < sources.length; at += pageSize) {
      const where: Condition[] = [['source', 'in', sources.slice(at, at + pageSize)]]
      for (const { doc } of (await store.query<StoredEntry>(entriesColl, { where, limit: pageSize })).items) known.add(doc.source)
    }
    return known
  }

  const write = async (facts: readonly SourcedFact[]): Promise<void> => {
    let at = head
    const writes: Write[] = []
    const known = await knownOf(facts)
    for (const { detail, source, time, actor, action, target, result } of facts) {
      if (source !== undefined && known.has(source)) continue
      const text = detail && JSON.stringify(redacted(detail))
      const seq = at.seq + 1
      const fields = { seq, time, actor, action, target, result, detailHash: text ? detailHashOf(text) : '', prev: at.hash }
      const entry: StoredEntry = { ...fields, hash: hashOf(fields), ...(source !== undefined && { source }) }
      writes.push({ op: 'put', coll: entriesColl, id: idOf(seq), doc: entry, version: 'new' })
      if (text)
        writes.push({ op: 'put', coll: detailsColl, id: idOf(seq), doc: { text, target } satisfies Detail, version: 'new' })
      at = { seq, hash: entry.hash }
    }
    if (!writes.length) return
    await store.tx(writes, { by: 'audit' })
    head = at
  }

  const sign = ({ seq, hash, time }: Omit<Checkpoint, 'sig'>) =>
    createHmac('sha256', o.key).update(`${seq}|${hash}|${time}`).digest('hex')
  const checkSigned = (checkpoint: Checkpoint): void => {
    const [mine, theirs] = [Buffer.from(sign(checkpoint)), Buffer.from(String(checkpoint.sig))]
    if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs))
      throw new LoomError('AUDIT_BROKEN', `the checkpoint at ${checkpoint.seq} was not signed by this hub`)
  }
  const detailsOf = async (first: number, count: number): Promise<Map<string, string>> => {
    const { items } = await store.query<Detail>(detailsColl, {
      where: [
        ['id', '>=', idOf(first)],
        ['id', '<', idOf(first + count)],
      ],
      limit: pageSize,
    })
    return new Map(items.map(({ id, doc }) => [id, doc.text]))
  }

  return {
    get head() {
      return head.seq
    },
    append: facts => inOrder(() => write(facts)),
    async query({ from, to, actor, action, target, limit = 100, cursor }) {
      const where: Condition[] = []
      if (from !== undefined) where.push(['time', '>=', from])
      if (to !== undefined) where.push(['time', '<', to])
      for (const [path, value] of Object.entries({ actor, action, target }))
        if (value !== undefined) where.push([path, '=', value])
      const page = await store.query<StoredEntry>(entriesColl, {
        where,
        order: { by: 'id', desc: true },
        limit,
        ...(cursor !== undefined && { cursor }),
      })
      const items = await Promise.all(page.items.map(stored => viewOf(store, stored)))
      return { items, ...(page.next !== undefined && { next: page.next }) }
    },
    async verify({ after, upTo } = {}) {
      for (const checkpoint of [after, upTo]) if (checkpoint) checkSigned(checkpoint)
      const end = head.seq
      let before = after ? { seq: after.seq, hash: after.hash } : { seq: 0, hash: noPrevious }
      let checked = 0
      while (before.seq < end) {
        const { items } = await store.query<StoredEntry>(entriesColl, { where: [['id', '>', idOf(before.seq)]], limit: pageSize })
        if (!items.length) break
        const details = await detailsOf(before.seq + 1, pageSize)
        for (const { id, doc } of items) {
          const reason = faultOf(doc, before, details.get(id))
          if (reason) return { ok: false, checked, seq: before.seq + 1, reason }
          before = { seq: doc.seq, hash: doc.hash }
          checked++
          if (upTo && doc.seq === upTo.seq && doc.hash !== upTo.hash)
            return { ok: false, checked, seq: doc.seq, reason: 'the chain was written anew after its checkpoint' }
        }
      }
      const expected = Math.max(end, upTo?.seq ?? 0, signed?.seq ?? 0)
      if (before.seq < expected) return { ok: false, checked, seq: before.seq + 1, reason: 'the end of the chain is missing' }
      return { ok: true, checked, head: before.seq }
    },
    checkpoint: ({ force = false } = {}) =>
      inOrder(async () => {
        const since = head.seq - (signed?.seq ?? 0)
        const due = since >= checkpointEvery || now() - (signed?.time ?? opened) >= dayMs
        if (!since || !(force || due)) return undefined
        const fields = { ...head, time: now() }
        const made: Checkpoint = { ...fields, sig: sign(fields) }
        await store.put(checkpointsColl, idOf(made.seq), made, { by: 'audit' })
        signed = made
        return made
      }),
    async checkpoints({ limit }) {
      return (await store.query<Checkpoint>(checkpointsColl, { order: { by: 'id', desc: true }, limit })).items.map(
        ({ doc }) => doc,
      )
    },
    async eraseDetails({ target, by }) {
      let erased = 0
      while (true) {
        const { items } = await store.query<Detail>(detailsColl, { where: [['target', '=', target]], limit: pageSize })
        if (!items.length) break
        await store.tx(
          items.map(({ id }): Write => ({ op: 'delete', coll: detailsColl, id })),
          { by: 'audit' },
        )
        erased += items.length
      }
      const fact: SourcedFact = { time: now(), actor: by, action: 'audit.eraseDetails', target, result: 'ok' }
      await inOrder(() => write([fact]))
      return { erased }
    },
  }
}

async function viewOf(store: StateStore, { id, doc: { source: _, ...entry } }: Stored<StoredEntry>): Promise<AuditView> {
  const detail = entry.detailHash ? (await store.get<Detail>(detailsColl, id))?.doc.text : undefined
  return { ...entry, ...(detail !== undefined && { detail: JSON.parse(detail) as Record<string, unknown> }) }
}
