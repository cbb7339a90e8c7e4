interface Level {
  next: Map<string, Level>
  /** owner -> QoS of the filter that ends here */
  owners: Map<string, number>
}

const level = (): Level => ({ next: new Map(), owners: new Map() })

/** Filters of many owners, by level: finding who matches a topic costs its depth, not the number of filters. */
export class FilterTree {
  readonly #root = level()

  add(filter: string, owner: string, qos: number): void {
    let at = this.#root
    for (const name of filter.split('/')) {
      let next = at.next.get(name)
      if (!next) at.next.set(name, (next = level()))
      at = next
    }
    at.owners.set(owner, qos)
  }

  remove(filter: string, owner: string): void {
    const names = filter.split('/')
    const path: Level[] = [this.#root]
    for (const name of names) {
      const next = path.at(-1)!.next.get(name)
      if (!next) return
      path.push(next)
    }
    path.at(-1)!.owners.delete(owner)
    for (let i = names.length; i > 0; i--) {
      const { owners, next } = path[i]!
      if (owners.size || next.size) return
      path[i - 1]!.next.delete(names[i - 1]!)
    }
  }

  /** Each owner once, with the highest QoS of its matching filters. Nothing matches a topic that begins with `$`. */
  match(topic: string): Map<string, number> | undefined {
    if (!this.#root.next.size || topic.startsWith('$')) return undefined
    let found: Map<string, number> | undefined
    const take = ({ owners }: Level): void => {
      if (!owners.size) return
      found ??= new Map()
      for (const [owner, qos] of owners) if ((found.get(owner) ?? -1) < qos) found.set(owner, qos)
    }
    const names = topic.split('/')
    const walk = (at: Level, i: number): void => {
      const rest = at.next.get('#')
      if (rest) take(rest)
      if (i === names.length) {
        take(at)
        return
      }
      const exact = at.next.get(names[i]!)
      if (exact) walk(exact, i + 1)
      const any = at.next.get('+')
      if (any) walk(any, i + 1)
    }
    walk(this.#root, 0)
    return found
  }
}
