import { LoomError } from '../../errors.ts'
import type { FleetDialect } from '../../topology/fleet-query/ast.ts'
import { checkedSection } from '../check.ts'
import { isSection, type TwinSection } from '../json.ts'
import { type Leaf, leavesOf } from './paths.ts'

export const maxConfigurations = 100
const maxPaths = 500

/** Desired properties for all devices that a query finds. */
export interface Configuration {
  id: string
  description?: string
  /** the higher wins where two want the same path; default 0 */
  priority: number
  /** of the query */
  dialect: FleetDialect
  text?: string
  ast?: unknown
  /** what main twins shall have; no nulls, no empty objects */
  desired: TwinSection
  /** Percent of the devices that get it for now, always the same ones; absent: all. */
  canary?: number
  /** A disabled one is for no device: what it had set is removed. */
  enabled: boolean
  /** epoch ms */
  createdAt: number
  updatedAt: number
  /** +1 with each change of `desired`, from 1 */
  version: number
}

const invalid = (detail: string, position: string): LoomError => new LoomError('CONFIGURATION_INVALID', detail, { position })

export function checkConfigurationId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(id))
    throw invalid(`id ${JSON.stringify(String(id).slice(0, 60))}: 1 to 128 of A-Z a-z 0-9 _ -`, 'id')
}

export function checkedPriority(priority: unknown): number {
  if (!Number.isInteger(priority) || Math.abs(priority as number) > 1_000_000)
    throw invalid(`priority ${String(priority).slice(0, 40)}: an integer of -1,000,000 to 1,000,000`, 'priority')
  return priority as number
}

/** Undefined for all devices: 100 %. */
export function checkedCanary(canary: unknown): number | undefined {
  if (canary === undefined || canary === null) return undefined
  if (typeof canary !== 'number' || !(canary > 0 && canary <= 100))
    throw invalid(`canary ${String(canary).slice(0, 40)}: a share above 0, to 100`, 'canary')
  return canary === 100 ? undefined : canary
}

/** A copy of the values. CONFIGURATION_INVALID, TWIN_INVALID, TWIN_LIMIT. */
export function checkedDesired(desired: unknown): TwinSection {
  const empty = emptyIn(desired, [])
  if (empty)
    throw invalid(
      `desired${empty
        .map(name => `.${name}`)
        .join('')
        .slice(0, 100)} is ${holds(desired, empty)}`,
      'desired',
    )
  const copy = checkedSection(desired, 'desired')
  const leaves = leavesOf(copy)
  if (!leaves.length) throw invalid('desired has no member', 'desired')
  if (leaves.length > maxPaths) throw invalid(`desired has ${leaves.length} values, at most ${maxPaths}`, 'desired')
  return copy
}

const holds = (desired: unknown, path: readonly string[]): string => {
  const value = path.reduce<unknown>((at, name) => (at as TwinSection)[name], desired)
  return value === null ? 'null: a configuration sets, and removes what it set when it ends' : 'an empty object'
}

/** A null cannot be had by a twin, and an empty object cannot be set by a merge patch where others have members. */
function emptyIn(value: unknown, path: readonly string[]): readonly string[] | undefined {
  if (value === null && path.length) return path
  if (!isSection(value) || path.length > 20) return undefined
  const names = Object.keys(value)
  if (!names.length && path.length) return path
  for (const name of names) {
    const found = emptyIn(value[name], [...path, name])
    if (found) return found
  }
  return undefined
}

export const leavesOfConfiguration = ({ desired }: Pick<Configuration, 'desired'>): Leaf[] => leavesOf(desired)
