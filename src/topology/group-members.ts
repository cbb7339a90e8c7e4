import type { Condition, StateStore, Write } from '../storage/state-store.ts'

const coll = 'group_members'

interface Member {
  group: string
  device: string
}

const idOf = ({ group, device }: Member) => `${group}|${device}`

/** Which devices are directly in which groups. It is the only one that knows the collection. */
export class GroupMembers {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  open(): Promise<void> {
    return this.#store.declare(coll, { indexes: ['group', 'device'] })
  }

  put(member: Member): Write {
    return { op: 'put', coll, id: idOf(member), doc: member, version: 'new' }
  }

  drop(member: Member): Write {
    return { op: 'delete', coll, id: idOf(member) }
  }

  /** Direct groups of a device, ascending. */
  async groupsOf(device: string): Promise<string[]> {
    const { items } = await this.#store.query<Member>(coll, { where: [['device', '=', device]] })
    return items.map(({ doc }) => doc.group).sort()
  }

  /** Direct members behind a device id, ascending. */
  async page(group: string, o: { after: string; limit: number }): Promise<string[]> {
    const where: Condition[] = [['group', '=', group]]
    if (o.after) where.push(['id', '>', idOf({ group, device: o.after })])
    const { items } = await this.#store.query<Member>(coll, { where, limit: o.limit })
    return items.map(({ doc }) => doc.device)
  }
}
