import { LoomError } from '../errors.ts'
import type { Condition, StateStore, Stored, Write } from '../storage/state-store.ts'
import { type AuditEntry, type AuditFact, detailHashOf, faultOf, hashOf, noPrevious } from './audit-entry.ts'
import { type AuditAnchor, type Breach, openAuditAnchor } from './audit-anchor.ts'
import { type Checkpoint, checkpointSigner } from './audit-checkpoint.ts'
import { redacted } from './redact.ts'

export type { Checkpoint } from './audit-checkpoint.ts'

const entriesColl = 'audit'
const detailsColl = 'audit_details'
const checkpointsColl = 'audit_checkpoints'
const checkpointEvery = 1000
const dayMs = 86_400_000
const pageSize = 500

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
  /**
   * Recomputes the chain, from the first entry or after a checkpoint, and compares it with its stored checkpoints, with the end that was kept apart, and with
   * `upTo`. AUDIT_BROKEN only for a given checkpoint whose own signature is wrong.
   */
  verify(o?: { after?: Checkpoint; upTo?: Checkpoint }): Promise<Verification>
  /** Signs the present end if a thousand entries or a day have passed since the last checkpoint, or if `force`. */
  checkpoint(o?: { force?: boolean }): Promise<Checkpoint | undefined>
  /** Newest first. */
  checkpoints(o: { limit: number }): Promise<Checkpoint[]>
  /** Keeps the present end apart from the chain. */
  keepEnd(): Promise<void>
  /** What was found missing or changed when the chain was opened, now or earlier, and nobody accepted yet; `found`: by this opening. */
  readonly breaches: readonly Breach[]
  readonly found: Breach | undefined
  /** The chain counts as it is now. Resolves with what was accepted. */
  accept(o: { by: string }): Promise<readonly Breach[]>
  /** Erases the details about a target, or those of what an actor did (a person asked for it); the chain stays whole. */
  eraseDetails(o: { target?: string; actor?: string; by: string }): Promise<{ erased: number }>
  readonly head: number
}

type StoredEntry = AuditEntry & { source?: string }
interface Detail {
  text: string
  target: string
}

const idOf = (seq: number) => String(seq).padStart(15, '0')

/** `apart`: another store, which has the end of the chain; without it only checkpoints show that the end was cut off. */
export async function openAuditLog(o: {
  store: StateStore
  apart?: StateStore
  key: Uint8Array
  now: () => number
}): Promise<AuditLog> {
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
  // Where entries were taken out of the file their details may be left: they are nobody's, and the next entries need their place.
  for (let more = true; more; ) {
    const { items } = await store.query(detailsColl, { where: [['id', '>', idOf(head.seq)]], limit: pageSize })
    if (items.length) await store.tx(items.map(({ id }): Write => ({ op: 'delete', coll: detailsColl, id })))
    more = items.length === pageSize
  }
  const signer = checkpointSigner(o.key)
  const hashAt = async (seq: number) => (await store.get<StoredEntry>(entriesColl, idOf(seq)))?.doc.hash
  const anchor: AuditAnchor | undefined =
    o.apart && (await openAuditAnchor({ store: o.apart, signer, now, chain: { head, hashAt } }))
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

  const checkpointsOf = async (first: number, last: number): Promise<Checkpoint[]> => {
    const { items } = await store.query<Checkpoint>(checkpointsColl, {
      where: [
        ['id', '>=', idOf(first)],
        ['id', '<=', idOf(last)],
      ],
      limit: pageSize,
    })
    return items.map(({ doc }) => doc)
  }
  /** Why the entries are not those that were signed. */
  const unsigned = (
    entries: readonly AuditEntry[],
    checkpoints: readonly Checkpoint[],
  ): { seq: number; reason: string } | undefined => {
    for (const checkpoint of checkpoints) {
      const { seq, hash } = checkpoint
      if (!signer.isSigned(checkpoint)) return { seq, reason: 'its checkpoint was not signed by this hub' }
      const entry = entries[seq - entries[0]!.seq]
      if (entry && entry.hash !== hash) return { seq, reason: 'the chain was written anew after its checkpoint' }
    }
    return undefined
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
      for (const checkpoint of [after, upTo])
        if (checkpoint && !signer.isSigned(checkpoint))
          throw new LoomError('AUDIT_BROKEN', `the checkpoint at ${checkpoint.seq} was not signed by this hub`)
      const end = { ...head }
      let before = after ? { seq: after.seq, hash: after.hash } : { seq: 0, hash: noPrevious }
      let checked = 0
      while (before.seq < end.seq) {
        const { items } = await store.query<StoredEntry>(entriesColl, { where: [['id', '>', idOf(before.seq)]], limit: pageSize })
        if (!items.length) break
        const details = await detailsOf(before.seq + 1, pageSize)
        const entries: AuditEntry[] = []
        for (const { id, doc } of items) {
          const reason = faultOf(doc, before, details.get(id))
          if (reason) return { ok: false, checked, seq: before.seq + 1, reason }
          before = { seq: doc.seq, hash: doc.hash }
          entries.push(doc)
          checked++
        }
        const checkpoints = await checkpointsOf(entries[0]!.seq, before.seq)
        const fault = unsigned(entries, upTo ? [...checkpoints, upTo] : checkpoints)
        if (fault) return { ok: false, checked, ...fault }
      }
      const expected = Math.max(end.seq, upTo?.seq ?? 0, signed?.seq ?? 0)
      if (before.seq < expected) return { ok: false, checked, seq: before.seq + 1, reason: 'the end of the chain is missing' }
      const fault = (await anchor?.faultOf({ head, hashAt })) ?? anchor?.breaches[0]
      return fault ? { ok: false, checked, seq: fault.seq, reason: fault.reason } : { ok: true, checked, head: before.seq }
    },
    checkpoint: ({ force = false } = {}) =>
      inOrder(async () => {
        const since = head.seq - (signed?.seq ?? 0)
        const due = since >= checkpointEvery || now() - (signed?.time ?? opened) >= dayMs
        if (!since || !(force || due)) return undefined
        const made = signer.sign({ ...head, time: now() })
        await store.put(checkpointsColl, idOf(made.seq), made, { by: 'audit' })
        signed = made
        return made
      }),
    async checkpoints({ limit }) {
      return (await store.query<Checkpoint>(checkpointsColl, { order: { by: 'id', desc: true }, limit })).items.map(
        ({ doc }) => doc,
      )
    },
    keepEnd: () => inOrder(async () => anchor?.keep(head)),
    get breaches() {
      return anchor?.breaches ?? []
    },
    found: anchor?.found,
    accept: ({ by }) =>
      inOrder(async () => {
        const accepted = (await anchor?.accept()) ?? []
        const detail = { breaches: accepted.map(({ seq, reason, foundAt }) => ({ seq, reason, foundAt })) }
        if (accepted.length)
          await write([{ time: now(), actor: by, action: 'audit.accept', target: 'audit', result: 'ok', detail }])
        return accepted
      }),
    async eraseDetails({ target, actor, by }) {
      const where: Condition[] = []
      for (const [path, value] of Object.entries({ target, actor })) if (value !== undefined) where.push([path, '=', value])
      if (!where.length) throw new LoomError('REQUEST_INVALID', 'whose details', { hint: 'give target or actor' })
      let erased = 0
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page = await store.query<StoredEntry>(entriesColl, {
          where,
          order: { by: 'id' },
          limit: pageSize,
          ...(cursor !== undefined && { cursor }),
        })
        const ids = page.items.filter(({ doc }) => doc.detailHash).map(({ id }) => id)
        const left = ids.length ? await store.query(detailsColl, { where: [['id', 'in', ids]], limit: pageSize }) : { items: [] }
        const writes = left.items.map(({ id }): Write => ({ op: 'delete', coll: detailsColl, id }))
        if (writes.length) await store.tx(writes, { by: 'audit' })
        erased += writes.length
        cursor = page.next
      }
      const action = actor === undefined ? 'audit.eraseDetails' : 'audit.eraseDetailsOf'
      const fact: SourcedFact = { time: now(), actor: by, action, target: target ?? actor!, result: 'ok' }
      await inOrder(() => write([fact]))
      return { erased }
    },
  }
}

async function viewOf(store: StateStore, { id, doc: { source: _, ...entry } }: Stored<StoredEntry>): Promise<AuditView> {
  const detail = entry.detailHash ? (await store.get<Detail>(detailsColl, id))?.doc.text : undefined
  return { ...entry, ...(detail !== undefined && { detail: JSON.parse(detail) as Record<string, unknown> }) }
}
