import { own, sameJson, type TwinSection } from '../json.ts'
import type { Effective, Ranked } from './effective.ts'
import { valueAt } from './paths.ts'
import type { Applied } from './plan.ts'

export const standings = ['held', 'pending', 'failed', 'overruled', 'applied', 'converged'] as const

/**
 * How a configuration stands on a device it is for. `held`: not in its share yet; `pending`: to be written; `failed`: the twin refuses it; `overruled`: it wins no path; `applied`: written,
 * the device has not reported it; `converged`: reported.
 */
export type Standing = (typeof standings)[number]

export interface Stand {
  standing: Standing
  version: number
  /** pointers of what it loses to others */
  lost: readonly string[]
}

export interface StandInput {
  /** those whose query finds the device, by id; false: outside of the share */
  matching: ReadonlyMap<string, { ranked: Ranked; shared: boolean }>
  effective: Effective
  applied: Applied
  failed: boolean
  desired: TwinSection
  reported: TwinSection
}

const nothing: readonly string[] = []

export function standsOf({ matching, effective, applied, failed, desired, reported }: StandInput): Map<string, Stand> {
  const stands = new Map<string, Stand>()
  for (const [id, { ranked, shared }] of matching) {
    const { version, leaves } = ranked
    const lost = (shared && effective.lost.get(id)) || nothing
    const wins = leaves.filter(({ pointer }) => effective.wanted.get(pointer)?.by === id)
    const standing = (): Standing => {
      if (!shared) return 'held'
      if (!wins.length) return 'overruled'
      const inPlace = wins.every(
        ({ pointer, path, value }) => own(applied, pointer)?.by === id && sameJson(valueAt(desired, path), value),
      )
      if (!inPlace) return failed ? 'failed' : 'pending'
      return wins.every(({ path, value }) => sameJson(valueAt(reported, path), value)) ? 'converged' : 'applied'
    }
    stands.set(id, { standing: standing(), version, lost })
  }
  return stands
}
