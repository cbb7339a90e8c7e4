import { LoomError } from '../errors.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { defaultPolicyText } from './policy.ts'
import type { SessionPolicy } from './policy-access.ts'
import { ReadThrough } from './policy-cache.ts'
import { readPolicy } from './policy-document.ts'
import { PolicyLinks } from './policy-links.ts'
import { Pending } from './policy-pending.ts'
import { type PolicyTarget, targetKey, targetOf, targetsFor } from './policy-targets.ts'

const policiesColl = 'policies'
const settingsColl = 'policy_settings'
export const defaultPolicyId = 'default'
export const maxPoliciesPerTarget = 10
const pageSize = 500

interface Written {
  /** who did it, for the change feed */
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

interface StoredPolicy {
  /** as given; absent: the hub's own, from the code */
  text?: string
  description?: string
  createdAt: number
  updatedAt: number
}

export interface PolicyView {
  id: string
  /** the document as it was given */
  text: string
  description?: string
  /** epoch ms */
  createdAt: number
  updatedAt: number
  etag: string
}

/** Writes for a transaction of someone else (a device registered or deleted). `settled` is to be called when it ended, well or not. */
export interface PolicyPlan {
  writes: Write[]
  settled(committed: boolean): void
}

/** What counts for one connection, and the targets whose change would change it (as in `changed`). */
export interface PoliciesOfConnection {
  policies: SessionPolicy[]
  targets: string[]
}

/** Policies and what they are attached to. It must be the only writer of its collections. */
export interface Policies {
  /** Changes with every write: a session compiled under another one is stale. */
  readonly revision: number
  /** The own tree of a device needs an Allow too. */
  readonly strict: boolean
  setStrict(strict: boolean, o?: Written): Promise<void>
  /** POLICY_INVALID, POLICY_EXISTS. */
  create(o: { id: string; text: string; description?: string } & Written): Promise<PolicyView>
  /** POLICY_NOT_FOUND, POLICY_INVALID; POLICY_CONFLICT if `etag` is not the current one. */
  update(id: string, o: { text?: string; description?: string; etag?: string } & Written): Promise<PolicyView>
  get(id: string): Promise<PolicyView | undefined>
  /** By id, ascending. */
  page(o?: { prefix?: string; limit?: number; cursor?: string }): Promise<{ items: PolicyView[]; next?: string }>
  /** POLICY_NOT_FOUND, POLICY_CONFLICT; POLICY_ATTACHED while it is attached to anything, and for the hub's own. */
  delete(id: string, o?: { etag?: string } & Written): Promise<void>
  /** No effect if it is attached already. POLICY_NOT_FOUND; POLICY_LIMIT beyond ten; codes of the target's id. */
  attach(o: { policy: string; target: PolicyTarget } & Written): Promise<void>
  /** No effect if it is not attached. */
  detach(o: { policy: string; target: PolicyTarget } & Written): Promise<void>
  /** Ids, ascending. */
  attached(target: PolicyTarget): Promise<string[]>
  targetsOf(policy: string, o?: { limit?: number; cursor?: string }): Promise<{ items: PolicyTarget[]; next?: string }>
  /** For a target that is new and has none. Codes of `attach`. */
  planAttach(o: { target: PolicyTarget; policies: readonly string[] }): Promise<PolicyPlan>
  /** For a target that goes. */
  planForget(target: PolicyTarget): Promise<PolicyPlan>
  /** From memory once they were asked for. `groups`: direct ones and those above. */
  policiesFor(o: { deviceId?: string; groups: readonly string[]; fingerprint?: string }): Promise<PoliciesOfConnection>
}

export async function openPolicies(o: {
  store: StateStore
  now: () => number
  /** After each write, with the keys (`device:pump-1`, `group:g`, `certificate:..`, `hub:`) of the targets concerned, in pages. */
  changed?: (targets: readonly string[]) => void
  /** targets kept in memory, default 20,000 */
  cacheEntries?: number
}): Promise<Policies> {
  const { store, now, changed = () => {} } = o
  const links = new PolicyLinks(store)
  await store.declare(policiesColl, {})
  await store.declare(settingsColl, {})
  await links.open()
  await seed({ store, links, now })
  const idsByTarget = new ReadThrough<string[]>(o.cacheEntries ?? 20_000)
  const documents = new ReadThrough<{ policy?: SessionPolicy }>(1000)
  const pending = new Pending()
  let { strict } = (await store.get<{ strict: boolean }>(settingsColl, 'hub'))!.doc
  let revision = 0
  let queue: Promise<unknown> = Promise.resolve()

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => {})
    return turn
  }
  const announce = (targets: readonly string[]): void => {
    revision++
    if (targets.length) changed(targets)
  }
  const commit = (writes: readonly Write[], { by, also = [] }: Written, o: { target?: string; policy?: string }) =>
    documents.during(
      () =>
        idsByTarget.during(
          () => store.tx([...writes, ...also], by === undefined ? {} : { by }),
          o.target === undefined ? [] : [o.target],
        ),
      o.policy === undefined ? [] : [o.policy],
    )
  const found = async (id: string, etag?: string): Promise<Stored<StoredPolicy>> => {
    const stored = await store.get<StoredPolicy>(policiesColl, String(id))
    if (!stored) throw new LoomError('POLICY_NOT_FOUND', JSON.stringify(String(id).slice(0, 80)))
    if (etag !== undefined && etag !== String(stored.version))
      throw new LoomError('POLICY_CONFLICT', `"${id}" has etag ${stored.version}`, { hint: 'read the policy again and repeat' })
    return stored
  }
  const announceUsersOf = async (policy: string): Promise<void> => {
    let cursor: string | undefined
    do {
      const page = await links.targetsOf(policy, { limit: pageSize, ...(cursor !== undefined && { cursor }) })
      announce(page.items)
      cursor = page.next
    } while (cursor !== undefined)
  }
  const refuseIfUsed = async (id: string): Promise<void> => {
    if (id === defaultPolicyId)
      throw new LoomError('POLICY_ATTACHED', `"${id}" is the hub's own`, { hint: 'give it another document, or detach it' })
    const target = (await links.targetsOf(id, { limit: 1 })).items[0] ?? (pending.has(id) ? 'a device being made' : undefined)
    if (target !== undefined) throw new LoomError('POLICY_ATTACHED', `"${id}" to ${target}`, { hint: 'detach it first' })
  }
  const checkRoom = (target: string, count: number): void => {
    if (count > maxPoliciesPerTarget)
      throw new LoomError('POLICY_LIMIT', `${target} has ${maxPoliciesPerTarget}`, { hint: 'join some of them to one document' })
  }
  const load = async (id: string): Promise<{ policy?: SessionPolicy }> => {
    const stored = await store.get<StoredPolicy>(policiesColl, id)
    if (!stored) return {}
    return { policy: { id, version: stored.version, document: readPolicy(stored.doc.text ?? defaultPolicyText) } }
  }

  return {
    get revision() {
      return revision
    },
    get strict() {
      return strict
    },
    setStrict: (value, written = {}) =>
      inOrder(async () => {
        const doc = { strict: value }
        await commit([{ op: 'put', coll: settingsColl, id: 'hub', doc }], written, {})
        strict = value
        announce(['hub:'])
      }),
    create: ({ id, text, description, ...written }) =>
      inOrder(async () => {
        checkPolicyId(id)
        readPolicy(text)
        if (await store.get(policiesColl, id)) throw new LoomError('POLICY_EXISTS', `"${id}"`)
        const doc: StoredPolicy = { text, ...(description !== undefined && { description }), createdAt: now(), updatedAt: now() }
        const [version = 0] = await commit([{ op: 'put', coll: policiesColl, id, doc, version: 'new' }], written, { policy: id })
        announce([])
        return viewOf({ id, doc, version })
      }),
    update: (id, { text, description, etag, ...written }) =>
      inOrder(async () => {
        const before = await found(id, etag)
        if (text !== undefined) readPolicy(text)
        const news = { ...(text !== undefined && { text }), ...(description !== undefined && { description }) }
        const doc: StoredPolicy = { ...before.doc, ...news, updatedAt: now() }
        const write: Write = { op: 'put', coll: policiesColl, id, doc, version: before.version }
        const [version = 0] = await commit([write], written, { policy: id })
        if (text === undefined) announce([])
        else await announceUsersOf(id)
        return viewOf({ id, doc, version })
      }),
    async get(id) {
      const stored = await store.get<StoredPolicy>(policiesColl, String(id))
      return stored ? viewOf(stored) : undefined
    },
    async page({ prefix, limit = 100, cursor } = {}) {
      const page = await store.query<StoredPolicy>(policiesColl, {
        where: prefix ? [['id', 'prefix', prefix]] : [],
        limit,
        ...(cursor !== undefined && { cursor }),
      })
      return { items: page.items.map(viewOf), ...(page.next !== undefined && { next: page.next }) }
    },
    delete: (id, { etag, ...written } = {}) =>
      inOrder(async () => {
        const { version } = await found(id, etag)
        await refuseIfUsed(id)
        await commit([{ op: 'delete', coll: policiesColl, id, version }], written, { policy: id })
        announce([])
      }),
    attach: ({ policy, target, ...written }) =>
      inOrder(async () => {
        const key = targetKey(target)
        await found(policy)
        const present = await links.policiesOf(key)
        if (present.includes(policy)) return
        checkRoom(key, present.length + 1)
        await commit([links.put({ target: key, policy })], written, { target: key })
        announce([key])
      }),
    detach: ({ policy, target, ...written }) =>
      inOrder(async () => {
        const link = { target: targetKey(target), policy }
        if (!(await links.has(link))) return
        await commit([links.drop(link)], written, { target: link.target })
        announce([link.target])
      }),
    attached: target => links.policiesOf(targetKey(target)),
    async targetsOf(policy, { limit = 100, cursor } = {}) {
      const page = await links.targetsOf(policy, { limit, ...(cursor !== undefined && { cursor }) })
      return { items: page.items.map(targetOf), ...(page.next !== undefined && { next: page.next }) }
    },
    planAttach: ({ target, policies }) =>
      inOrder(async () => {
        const key = targetKey(target)
        const ids = [...new Set(policies)]
        checkRoom(key, ids.length)
        for (const id of ids) await found(id)
        return { writes: ids.map(policy => links.put({ target: key, policy })), settled: settledOf(key, pending.hold(ids)) }
      }),
    planForget: target =>
      inOrder(async () => {
        const key = targetKey(target)
        const ids = await links.policiesOf(key)
        return { writes: ids.map(policy => links.drop({ target: key, policy })), settled: settledOf(key, () => {}) }
      }),
    async policiesFor(connection) {
      const targets = targetsFor(connection)
      const ids = new Set<string>()
      for (const target of targets) for (const id of await idsByTarget.read(target, () => links.policiesOf(target))) ids.add(id)
      const policies: SessionPolicy[] = []
      for (const id of ids) {
        const { policy } = await documents.read(id, () => load(id))
        if (policy) policies.push(policy)
      }
      return { policies, targets }
    },
  }

  function settledOf(target: string, release: () => void): (committed: boolean) => void {
    return committed => {
      release()
      idsByTarget.forget([target])
      if (committed) announce([target])
    }
  }
}

/** At the first start the hub's own policy is attached to the hub. */
async function seed({ store, links, now }: { store: StateStore; links: PolicyLinks; now: () => number }): Promise<void> {
  if (await store.get(settingsColl, 'hub')) return
  const own: StoredPolicy = { createdAt: now(), updatedAt: now() }
  await store.tx(
    [
      { op: 'put', coll: settingsColl, id: 'hub', doc: { strict: false }, version: 'new' },
      { op: 'put', coll: policiesColl, id: defaultPolicyId, doc: own, version: 'new' },
      links.put({ target: 'hub:', policy: defaultPolicyId }),
    ],
    { by: 'hub' },
  )
}

function checkPolicyId(id: string): void {
  if (!/^[A-Za-z0-9_+=,.@-]{1,128}$/.test(String(id)))
    throw new LoomError('REQUEST_INVALID', `policy id ${JSON.stringify(String(id).slice(0, 80))}`, {
      hint: 'it has 1 to 128 of A-Z a-z 0-9 _ + = , . @ -',
    })
}

const viewOf = ({ id, doc: { text = defaultPolicyText, ...doc }, version }: Stored<StoredPolicy>): PolicyView => ({
  id,
  text,
  ...doc,
  etag: String(version),
})
