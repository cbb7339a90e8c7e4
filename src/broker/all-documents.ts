import type { Doc, StateStore, Stored } from '../storage/state-store.ts'

/** Every document of a collection in order of id, a page at a time. */
export async function* allOf<T extends Doc>(store: StateStore, coll: string): AsyncGenerator<Stored<T>> {
  let cursor: string | undefined
  do {
    const { items, next } = await store.query<T>(coll, { limit: 500, ...(cursor !== undefined && { cursor }) })
    yield* items
    cursor = next
  } while (cursor !== undefined)
}
