import type { Hub } from '../../hub/hub.ts'

type Key = string | number | boolean

/** Lookups that are made in one turn, a question to the hub for each table. */
export function lookupsOf(reference: () => Hub['reference']): (table: string, key: Key) => Promise<unknown> {
  const open = new Map<string, { keys: Set<Key>; rows: Promise<Map<string, unknown>> }>()
  const ask = async (table: string, keys: Set<Key>): Promise<Map<string, unknown>> => {
    await new Promise(setImmediate)
    open.delete(table)
    const { items } = await reference().lookup({ table, keys: [...keys] })
    return new Map(items.map(({ key, row }) => [key, row]))
  }
  return async (table, key) => {
    let asked = open.get(table)
    if (!asked) {
      const keys = new Set<Key>()
      open.set(table, (asked = { keys, rows: ask(table, keys) }))
    }
    asked.keys.add(key)
    return (await asked.rows).get(String(key))
  }
}

/** Who asks the same while it is asked for gets the same answer. */
export function sharedQuestions(): <T>(question: readonly unknown[], ask: () => Promise<T>) => Promise<T> {
  const open = new Map<string, Promise<unknown>>()
  return <T>(question: readonly unknown[], ask: () => Promise<T>) => {
    const key = JSON.stringify(question)
    const known = open.get(key) as Promise<T> | undefined
    if (known) return known
    const answer = ask().finally(() => open.delete(key))
    open.set(key, answer)
    return answer
  }
}
