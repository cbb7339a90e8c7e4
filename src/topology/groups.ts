import { LoomError } from '../errors.ts'
import { checkDeviceId } from '../identity/device-id.ts'
import { ReadThrough } from '../identity/policy-cache.ts'
import { Pending } from '../identity/policy-pending.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { checkGroupId, type Group, type GroupChange, type GroupView } from './group.ts'
import { pageOfMembers } from './group-member-pages.ts'
import { GroupMembers } from './group-members.ts'
import { GroupTree, maxGroups } from './group-tree.ts'

const groupsColl = 'groups'
const pageSize = 500
export const maxDevicesPerCall = 1000
/** Direct ones; with their ancestors a device is in at most seven times as many. */
export const maxGroupsPerDevice = 10

/** `parent: ''`: at the top */
type StoredGroup = Group & { parent: string }

interface Written {
  /** who did it, for the change feed */
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

/** Writes for a transaction of someone else (a device registered or deleted). `settled` is to be called when it ended, well or not. */
export interface MembershipPlan {
  writes: Write[]
  settled(committed: boolean): void
}

/** Static groups and their members. It must be the only writer of its collections. */
export interface Groups {
  /** GROUP_INVALID, GROUP_EXISTS, GROUP_LIMIT, GROUP_NOT_FOUND for the parent. */
  create(o: { id: string; parent?: string; description?: string } & Written): Promise<GroupView>
  /** `parent: null` moves it to the top. GROUP_NOT_FOUND, GROUP_LIMIT, ENTITY_CYCLE; GROUP_CONFLICT if `etag` is not the current one. */
  update(id: string, o: { parent?: string | null; description?: string; etag?: string } & Written): Promise<GroupView>
  get(id: string): Promise<GroupView | undefined>
  /** By id, ascending; `parent: null`: those at the top. */
  page(o?: {
    parent?: string | null
    prefix?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: GroupView[]; next?: string }>
  /**
   * GROUP_NOT_FOUND, GROUP_CONFLICT; GROUP_NOT_EMPTY with children or members unless `force`: then the groups below go too and all their members leave, in steps,
   * the group itself last and with `also`.
   */
  delete(id: string, o?: { force?: boolean; etag?: string } & Written): Promise<void>
  /** All or none, at most 1,000; who is in already stays. GROUP_NOT_FOUND, GROUP_LIMIT, IDENTITY_INVALID, IDENTITY_NOT_FOUND, REQUEST_INVALID. */
  addDevices(o: { group: string; devices: readonly string[] } & Written): Promise<{ added: number }>
  /** All or none, at most 1,000. GROUP_NOT_FOUND, REQUEST_INVALID. */
  removeDevices(o: { group: string; devices: readonly string[] } & Written): Promise<{ removed: number }>
  /** For a device that is new and in no group. Codes of `addDevices`. */
  planJoin(o: { device: string; groups: readonly string[] }): Promise<MembershipPlan>
  /** For a device that goes. */
  planLeave(device: string): Promise<MembershipPlan>
  /** The groups it is in directly, ascending, and all above them. From memory once it was asked for. */
  groupsOf(device: string): Promise<{ direct: string[]; all: string[] }>
  /** Each device once, ascending within its group; `deep`: also of the groups below. GROUP_NOT_FOUND, STORE_QUERY_INVALID. */
  members(o: { group: string; deep?: boolean; limit?: number; cursor?: string }): Promise<{ items: string[]; next?: string }>
}

export async function openGroups(o: {
  store: StateStore
  now: () => number
  /** After each write. */
  changed?: (change: GroupChange) => void
  /** Whether a device is registered; not asked if absent. */
  isDevice?: (id: string) => Promise<boolean>
  /** What is attached to groups that go: written in their transaction. */
  forgetting?: (group: string) => Promise<{ writes: Write[]; settled(committed: boolean): void }>
  /** devices whose groups are kept in memory, default 20,000 */
  cacheEntries?: number
}): Promise<Groups> {
  const { store, now, changed = () => {}, isDevice, forgetting } = o
  const members = new GroupMembers(store)
  const tree = new GroupTree()
  const direct = new ReadThrough<string[]>(o.cacheEntries ?? 20_000)
  const pending = new Pending()
  let queue: Promise<unknown> = Promise.resolve()
  await store.declare(groupsColl, { indexes: ['parent'] })
  await members.open()
  await readTree(store, tree)

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => {})
    return turn
  }
  const commit = (writes: readonly Write[], { by, also = [] }: Written, devices: readonly string[] = []) =>
    direct.during(() => store.tx([...writes, ...also], by === undefined ? {} : { by }), devices)
  const found = async (id: string, etag?: string): Promise<Stored<StoredGroup>> => {
    const stored = await store.get<StoredGroup>(groupsColl, String(id))
    if (!stored) throw notFound(id)
    if (etag !== undefined && etag !== String(stored.version))
      throw new LoomError('GROUP_CONFLICT', `"${id}" has etag ${stored.version}`, { hint: 'read the group again and repeat' })
    return stored
  }
  const known = (id: string): void => {
    if (!tree.has(id)) throw notFound(id)
  }
  const directOf = (device: string) => direct.read(device, () => members.groupsOf(device))
  const checkDevice = async (device: string, groups: number): Promise<void> => {
    checkDeviceId(device)
    if (groups > maxGroupsPerDevice) throw new LoomError('GROUP_LIMIT', `"${device}" is in ${maxGroupsPerDevice} groups`)
    if (isDevice && !(await isDevice(device))) throw new LoomError('IDENTITY_NOT_FOUND', `"${device}"`)
  }
  const moveTo = (id: string, parent: string | undefined): void => {
    tree.set(id, parent)
    changed({ kind: 'moved', group: id })
  }
  const emptyOut = async (group: string, by: string | undefined): Promise<void> => {
    while (true) {
      const devices = await members.page(group, { after: '', limit: pageSize })
      if (!devices.length) return
      const writes = devices.map(device => members.drop({ group, device }))
      await commit(writes, by === undefined ? {} : { by }, devices)
      changed({ kind: 'left', group, devices })
    }
  }
  const deleteOne = async (id: string, version: number | undefined, written: Written): Promise<void> => {
    const attached = await forgetting?.(id)
    let committed = false
    try {
      const write: Write = { op: 'delete', coll: groupsColl, id, ...(version !== undefined && { version }) }
      await commit([write, ...(attached?.writes ?? [])], written)
      tree.delete(id)
      committed = true
    } finally {
      attached?.settled(committed)
    }
  }

  return {
    create: ({ id, parent, description, ...written }) =>
      inOrder(async () => {
        checkGroupId(id)
        if (tree.has(id)) throw new LoomError('GROUP_EXISTS', `"${id}"`)
        if (tree.size >= maxGroups) throw new LoomError('GROUP_LIMIT', `there are ${maxGroups} groups`)
        tree.checkPlace(id, parent)
        const said = description === undefined ? {} : { description }
        const doc: StoredGroup = { id, parent: parent ?? '', ...said, createdAt: now(), updatedAt: now() }
        const [version = 0] = await commit([{ op: 'put', coll: groupsColl, id, doc, version: 'new' }], written)
        tree.set(id, parent)
        return viewOf({ id, doc, version })
      }),
    update: (id, { parent, description, etag, ...written }) =>
      inOrder(async () => {
        const { doc: before, version: old } = await found(id, etag)
        const to = parent === undefined ? before.parent : (parent ?? '')
        const moves = to !== before.parent
        if (moves) tree.checkPlace(id, to || undefined)
        const doc: StoredGroup = { ...before, parent: to, ...(description !== undefined && { description }), updatedAt: now() }
        const [version = 0] = await commit([{ op: 'put', coll: groupsColl, id, doc, version: old }], written)
        if (moves) moveTo(id, to || undefined)
        return viewOf({ id, doc, version })
      }),
    async get(id) {
      const stored = await store.get<StoredGroup>(groupsColl, String(id))
      return stored ? viewOf(stored) : undefined
    },
    async page({ parent, prefix, limit = 100, cursor } = {}) {
      const where = prefix ? ([['id', 'prefix', prefix]] as const) : []
      const above = parent === undefined ? [] : ([['parent', '=', parent ?? '']] as const)
      const query = { where: [...where, ...above], limit, ...(cursor !== undefined && { cursor }) }
      const page = await store.query<StoredGroup>(groupsColl, query)
      return { items: page.items.map(viewOf), ...(page.next !== undefined && { next: page.next }) }
    },
    delete: (id, { force = false, etag, ...written } = {}) =>
      inOrder(async () => {
        const { version } = await found(id, etag)
        const below = tree.subtree(id)
        const joining = below.find(group => pending.has(group))
        if (joining !== undefined)
          throw new LoomError('GROUP_NOT_EMPTY', `a device is joining "${joining}"`, { hint: 'try again' })
        if (!force && (below.length > 1 || (await members.page(id, { after: '', limit: 1 })).length))
          throw new LoomError('GROUP_NOT_EMPTY', `"${id}"`, { hint: 'empty it first, or ask with force' })
        const { by } = written
        for (const group of below) await emptyOut(group, by)
        // the deepest first, so that after a failure in between no group is left without its parent
        const deepestFirst = below.sort((a, b) => tree.lineage(b).length - tree.lineage(a).length)
        for (const group of deepestFirst) if (group !== id) await deleteOne(group, undefined, by === undefined ? {} : { by })
        await deleteOne(id, version, written)
      }),
    addDevices: ({ group, devices, ...written }) =>
      inOrder(async () => {
        known(group)
        const joining: string[] = []
        for (const device of checkedList(devices)) {
          const groups = await directOf(device)
          if (groups.includes(group)) continue
          await checkDevice(device, groups.length + 1)
          joining.push(device)
        }
        if (!joining.length) return { added: 0 }
        await commit(
          joining.map(device => members.put({ group, device })),
          written,
          joining,
        )
        changed({ kind: 'joined', group, devices: joining })
        return { added: joining.length }
      }),
    removeDevices: ({ group, devices, ...written }) =>
      inOrder(async () => {
        known(group)
        const leaving: string[] = []
        for (const device of checkedList(devices)) if ((await directOf(device)).includes(group)) leaving.push(device)
        if (!leaving.length) return { removed: 0 }
        await commit(
          leaving.map(device => members.drop({ group, device })),
          written,
          leaving,
        )
        changed({ kind: 'left', group, devices: leaving })
        return { removed: leaving.length }
      }),
    planJoin: ({ device, groups }) =>
      inOrder(async () => {
        const ids = [...new Set(groups)]
        for (const id of ids) known(id)
        checkDeviceId(device)
        if (ids.length > maxGroupsPerDevice) throw new LoomError('GROUP_LIMIT', `"${device}" would be in ${ids.length} groups`)
        return {
          writes: ids.map(group => members.put({ group, device })),
          settled: settledOf('joined', device, ids, pending.hold(ids)),
        }
      }),
    planLeave: device =>
      inOrder(async () => {
        const ids = await members.groupsOf(device)
        return { writes: ids.map(group => members.drop({ group, device })), settled: settledOf('left', device, ids, () => {}) }
      }),
    async groupsOf(device) {
      const own = await directOf(device)
      return { direct: [...own], all: [...new Set(own.flatMap(group => tree.lineage(group)))] }
    },
    async members({ group, deep = false, limit = 100, cursor }) {
      known(group)
      const groups = deep ? tree.subtree(group) : [group]
      return pageOfMembers({ groups, members, limit, ...(cursor !== undefined && { cursor }), directOf })
    },
  }

  function settledOf(kind: 'joined' | 'left', device: string, groups: readonly string[], release: () => void) {
    return (committed: boolean): void => {
      release()
      direct.forget([device])
      if (committed) for (const group of groups) changed({ kind, group, devices: [device] })
    }
  }
}

async function readTree(store: StateStore, tree: GroupTree): Promise<void> {
  let cursor: string | undefined
  do {
    const page = await store.query<StoredGroup>(groupsColl, { limit: pageSize, ...(cursor !== undefined && { cursor }) })
    for (const { id, doc } of page.items) tree.set(id, doc.parent || undefined)
    cursor = page.next
  } while (cursor !== undefined)
}

function checkedList(devices: readonly string[]): string[] {
  if (!Array.isArray(devices) || devices.length > maxDevicesPerCall)
    throw new LoomError('REQUEST_INVALID', `${Array.isArray(devices) ? devices.length : 'no list of'} devices`, {
      hint: `give a list of at most ${maxDevicesPerCall}`,
    })
  return [...new Set(devices)]
}

const notFound = (id: unknown) => new LoomError('GROUP_NOT_FOUND', JSON.stringify(String(id).slice(0, 80)))
const viewOf = ({ doc: { parent, ...doc }, version }: Stored<StoredGroup>): GroupView => ({
  ...doc,
  ...(parent && { parent }),
  etag: String(version),
})
