import { LoomError } from '../errors.ts'
import { maxGroupDepth } from './group.ts'

export const maxGroups = 10_000

/** Which group is in which, whole in memory: at most ten thousand. */
export class GroupTree {
  readonly #parents = new Map<string, string | undefined>()
  readonly #children = new Map<string, Set<string>>()

  get size(): number {
    return this.#parents.size
  }

  has(id: string): boolean {
    return this.#parents.has(id)
  }

  set(id: string, parent: string | undefined): void {
    this.delete(id)
    this.#parents.set(id, parent)
    if (parent === undefined) return
    const children = this.#children.get(parent) ?? new Set()
    this.#children.set(parent, children.add(id))
  }

  delete(id: string): void {
    const parent = this.#parents.get(id)
    this.#parents.delete(id)
    const children = parent === undefined ? undefined : this.#children.get(parent)
    if (children?.delete(id) && children.size === 0) this.#children.delete(parent!)
  }

  /** Itself first, then its parent and so on to the top. */
  lineage(id: string): string[] {
    const found: string[] = []
    for (let at: string | undefined = id; at !== undefined && found.length <= maxGroupDepth; at = this.#parents.get(at))
      found.push(at)
    return found
  }

  childrenOf(id: string): string[] {
    return [...(this.#children.get(id) ?? [])]
  }

  /** Itself and everything below, ascending by id. */
  subtree(id: string): string[] {
    const found = [id]
    for (const one of found) found.push(...this.childrenOf(one))
    return found.sort()
  }

  /** Levels from the group down to its deepest descendant; 1 without children. */
  #height(id: string): number {
    return 1 + Math.max(0, ...this.childrenOf(id).map(child => this.#height(child)))
  }

  /** ENTITY_CYCLE; GROUP_LIMIT if the tree would be too deep; GROUP_NOT_FOUND for the parent. */
  checkPlace(id: string, parent: string | undefined): void {
    if (parent === undefined) return
    if (!this.has(parent)) throw new LoomError('GROUP_NOT_FOUND', `the parent "${parent}"`)
    const above = this.lineage(parent)
    if (above.includes(id)) throw new LoomError('ENTITY_CYCLE', `"${parent}" is "${id}" or below it`)
    if (above.length + this.#height(id) > maxGroupDepth)
      throw new LoomError('GROUP_LIMIT', `"${id}" below "${parent}" would be deeper than ${maxGroupDepth} levels`)
  }
}
