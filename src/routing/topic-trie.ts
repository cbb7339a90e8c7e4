import { Recent } from './recent.ts'

interface Level<V> {
  next: Map<string, Level<V>>
  any: Level<V> | undefined
  /** What ends in `#` here. */
  rest: V | undefined
  here: V | undefined
}

const level = <V>(): Level<V> => ({ next: new Map(), any: undefined, rest: undefined, here: undefined })

const dollar = 36
const recentTopics = 10_000

/**
 * One value per MQTT filter, by level: finding those that match a topic costs its depth and not their number. What `combine` makes of them is remembered for the topics
 * seen last.
 */
export class TopicTrie<V, R> {
  readonly #root = level<V>()
  readonly #combine: (values: V[]) => R & {}
  #recent = new Recent<string, R & {}>(recentTopics)

  constructor(combine: (values: V[]) => R & {}) {
    this.#combine = combine
  }

  /** The value of a filter; made when it is new. */
  at(filter: string, make: () => V): V {
    let at = this.#root
    const names = filter.split('/')
    for (const name of names) {
      if (name === '#') {
        if (at.rest === undefined) this.#forget()
        return (at.rest ??= make())
      }
      at = name === '+' ? (at.any ??= level()) : childOf(at, name)
    }
    if (at.here === undefined) this.#forget()
    return (at.here ??= make())
  }

  /** What is made of the values of all filters that match; a wildcard at level one does not match a topic that begins with `$` [MQTT-4.7.2-1]. */
  match(topic: string): R {
    const known = this.#recent.get(topic)
    if (known) return known
    const found: V[] = []
    const names = topic.split('/')
    const hidden = topic.charCodeAt(0) === dollar
    const walk = (at: Level<V>, i: number): void => {
      const wild = i > 0 || !hidden
      if (wild && at.rest !== undefined) found.push(at.rest)
      if (i === names.length) {
        if (at.here !== undefined) found.push(at.here)
        return
      }
      const exact = at.next.get(names[i]!)
      if (exact) walk(exact, i + 1)
      if (wild && at.any) walk(at.any, i + 1)
    }
    walk(this.#root, 0)
    const combined = this.#combine(found)
    this.#recent.set(topic, combined)
    return combined
  }

  #forget(): void {
    this.#recent = new Recent(recentTopics)
  }
}

function childOf<V>(at: Level<V>, name: string): Level<V> {
  let child = at.next.get(name)
  if (!child) at.next.set(name, (child = level()))
  return child
}
