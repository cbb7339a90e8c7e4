import { type Leaf, pointerOf } from './paths.ts'

/** A configuration as it competes with others for a device. */
export interface Ranked {
  id: string
  /** the higher wins */
  priority: number
  /** epoch ms: among equals the newest wins */
  createdAt: number
  /** +1 with each change of its values */
  version: number
  leaves: readonly Leaf[]
}

export interface Wanted extends Leaf {
  /** the configuration that wins the path */
  by: string
  version: number
}

/** What a device shall have, by pointer, and what configurations do not get, by id. */
export interface Effective {
  wanted: ReadonlyMap<string, Wanted>
  lost: ReadonlyMap<string, readonly string[]>
}

const before = (a: Ranked, b: Ranked): number =>
  b.priority - a.priority || b.createdAt - a.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** Each path goes to the highest priority, then the newest, then the first id. A value above or below one that is taken loses too: both cannot be. */
export function effective(configurations: readonly Ranked[]): Effective {
  const wanted = new Map<string, Wanted>()
  const ways = new Set<string>()
  const lost = new Map<string, readonly string[]>()
  for (const { id, version, leaves } of configurations.toSorted(before)) {
    const losses: string[] = []
    const wins: Wanted[] = []
    for (const leaf of leaves) {
      const taken = ways.has(leaf.pointer) || prefixesOf(leaf.path).some(pointer => wanted.has(pointer))
      if (taken || wanted.has(leaf.pointer)) losses.push(leaf.pointer)
      else wins.push({ ...leaf, by: id, version })
    }
    for (const win of wins) {
      wanted.set(win.pointer, win)
      for (const way of prefixesOf(win.path)) ways.add(way)
    }
    lost.set(id, losses)
  }
  return { wanted, lost }
}

/** Pointers of what is above a path, from the top. */
export const prefixesOf = (path: readonly string[]): string[] => path.slice(1).map((_, at) => pointerOf(path.slice(0, at + 1)))
