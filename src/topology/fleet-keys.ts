import { sameJson } from '../twin/json.ts'
import type { FleetDoc, FleetTwin } from './fleet-doc.ts'
import type { FleetPath } from './fleet-query/ast.ts'
import { keptOf } from './fleet-sizes.ts'

type Members = Readonly<Record<string, unknown>>

/**
 * Changes and what queries read meet at keys: `enabled`, `tags.site`, `twin.reported.t`, `shadows.cfg`, and what is above them, `tags`, `twin`, .. A query that reads deeper
 * is looked at for a change beside what it reads too, which costs time and is never wrong.
 */
export function keyOfPath(path: FleetPath): string {
  const [root] = path
  return path.slice(0, root === 'twin' ? 3 : 2).join('\0')
}

/** The keys of what is otherwise; with `declared`, of that much of twins. */
export function changedKeys(before: FleetDoc, given: FleetDoc, declared: readonly FleetPath[] | undefined): string[] {
  const after = declared ? keptOf(given, declared) : given
  const keys = new Set<string>()
  for (const name of ['model', 'state', 'enabled', 'createdAt', 'groups'] as const)
    if (!sameJson(before[name], after[name])) keys.add(name)
  for (const name of ['attributes', 'tags', 'connectivity', 'cert'] as const) members(before[name], after[name], [name], keys)
  if (before.twin !== after.twin) {
    const [was, is] = [before.twin, after.twin]
    for (const name of ['desired', 'reported'] as const) members(was[name], is[name], ['twin', name], keys)
    if (was.hasDelta !== is.hasDelta) add(['twin', 'hasDelta'], keys)
  }
  if (before.shadows !== after.shadows)
    members(before.shadows as Readonly<Record<string, FleetTwin>>, after.shadows, ['shadows'], keys)
  return [...keys]
}

function members(before: Members, after: Members, place: readonly string[], keys: Set<string>): void {
  if (before === after) return
  for (const name of Object.keys(before))
    if (!Object.hasOwn(after, name) || !sameJson(before[name], after[name])) add([...place, name], keys)
  for (const name of Object.keys(after)) if (!Object.hasOwn(before, name)) add([...place, name], keys)
}

function add(path: readonly string[], keys: Set<string>): void {
  for (let length = path.length; length > 0; length--) keys.add(path.slice(0, length).join('\0'))
}
