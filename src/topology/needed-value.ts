import type { FleetCondition, FleetPath, FleetScalar } from './fleet-query/ast.ts'
import { getterOf } from './fleet-query/fields.ts'

/** A condition is false for a device that has none of the values at the path. */
export interface NeededValue {
  readonly path: FleetPath
  readonly values: readonly FleetScalar[]
}

/** An equality that the condition cannot do without: itself, or a part of an AND. */
export function neededBy(condition: FleetCondition): NeededValue | undefined {
  switch (condition.op) {
    case 'cmp':
      return condition.is === '=' ? { path: condition.path, values: [condition.value] } : undefined
    case 'in':
      return { path: condition.path, values: condition.values }
    case 'and':
      for (const part of condition.of) {
        const needed = neededBy(part)
        if (needed) return needed
      }
      return undefined
    default:
      return undefined
  }
}

interface ByValue<T> {
  readonly get: (doc: object) => unknown
  readonly members: Map<unknown, Set<T>>
}

/** Things with a condition each, found by the value that the condition needs: those that need another one cost nothing. */
export class ByNeededValue<T> {
  readonly #all = new Set<T>()
  readonly #free = new Set<T>()
  readonly #byPath = new Map<string, ByValue<T>>()

  get size(): number {
    return this.#all.size
  }

  has(one: T): boolean {
    return this.#all.has(one)
  }

  add(one: T, needed: NeededValue | undefined): void {
    this.#all.add(one)
    if (!needed) {
      this.#free.add(one)
      return
    }
    const key = needed.path.join('\0')
    const byValue = this.#byPath.get(key) ?? { get: getterOf(needed.path), members: new Map<unknown, Set<T>>() }
    this.#byPath.set(key, byValue)
    for (const value of needed.values) {
      const members = byValue.members.get(value)
      if (members) members.add(one)
      else byValue.members.set(value, new Set([one]))
    }
  }

  /** `needed` as it was given to `add`. */
  delete(one: T, needed: NeededValue | undefined): void {
    this.#all.delete(one)
    this.#free.delete(one)
    const key = needed?.path.join('\0')
    const byValue = key === undefined ? undefined : this.#byPath.get(key)
    if (!byValue) return
    for (const value of needed!.values) {
      const members = byValue.members.get(value)
      if (members?.delete(one) && members.size === 0) byValue.members.delete(value)
    }
    if (byValue.members.size === 0) this.#byPath.delete(key!)
  }

  /** Adds all whose condition may be true of the document, some perhaps twice. */
  collect(doc: object, found: T[]): void {
    for (const one of this.#free) found.push(one)
    for (const { get, members } of this.#byPath.values()) {
      const value = get(doc)
      // A list holds what one of its elements holds.
      for (const each of Array.isArray(value) ? value : [value]) for (const one of members.get(each) ?? none) found.push(one)
    }
  }
}

const none: readonly never[] = []
