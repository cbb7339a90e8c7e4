import type { StateStore, Write } from '../storage/state-store.ts'

const coll = 'policy_links'

/** A policy attached to a target. */
interface Link {
  target: string
  policy: string
}

const idOf = ({ target, policy }: Link) => `${target}|${policy}`

/** Which policies are attached to what. It is the only one that knows the collection. */
export class PolicyLinks {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  open(): Promise<void> {
    return this.#store.declare(coll, { indexes: ['target', 'policy'] })
  }

  put(link: Link): Write {
    return { op: 'put', coll, id: idOf(link), doc: link, version: 'new' }
  }

  drop(link: Link): Write {
    return { op: 'delete', coll, id: idOf(link) }
  }

  async has(link: Link): Promise<boolean> {
    return (await this.#store.get(coll, idOf(link))) !== null
  }

  /** Policy ids of a target, ascending. */
  async policiesOf(target: string): Promise<string[]> {
    const { items } = await this.#store.query<Link>(coll, { where: [['target', '=', target]] })
    return items.map(({ doc }) => doc.policy)
  }

  async targetsOf(policy: string, o: { limit: number; cursor?: string }): Promise<{ items: string[]; next?: string }> {
    const page = await this.#store.query<Link>(coll, { where: [['policy', '=', policy]], ...o })
    return { items: page.items.map(({ doc }) => doc.target), ...(page.next !== undefined && { next: page.next }) }
  }
}
