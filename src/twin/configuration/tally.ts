import { type Stand, type Standing, standings } from './standing.ts'

/** Devices of a configuration. Each of those its query finds has one standing; `applied` counts the converged ones too. */
export interface ConfigurationMetrics extends Record<Standing, number> {
  /** its query finds them */
  targeted: number
  /** paths, over all devices, that others win */
  conflicts: number
}

/** Whether nothing is left to do for now: each device has reported it, is outside of the share, or gets nothing of it. */
export const hasConverged = ({ targeted, held, overruled, converged }: ConfigurationMetrics): boolean =>
  held + overruled + converged === targeted

interface Count {
  by: Record<Standing, number>
  conflicts: number
  devices: Map<string, Stand>
}

const none = (): Record<Standing, number> => Object.fromEntries(standings.map(name => [name, 0])) as Record<Standing, number>

/** Counts how configurations stand on devices, one device at a time. */
export class ConfigurationTally {
  readonly #counts = new Map<string, Count>()
  readonly #of = new Map<string, ReadonlyMap<string, Stand>>()

  /** All that a device counts for. */
  set(device: string, stands: ReadonlyMap<string, Stand>): void {
    for (const [id, stand] of this.#of.get(device) ?? []) {
      const count = this.#counts.get(id)!
      count.by[stand.standing]--
      count.conflicts -= stand.lost.length
      count.devices.delete(device)
      if (!count.devices.size) this.#counts.delete(id)
    }
    if (stands.size) this.#of.set(device, stands)
    else this.#of.delete(device)
    for (const [id, stand] of stands) {
      let count = this.#counts.get(id)
      if (!count) this.#counts.set(id, (count = { by: none(), conflicts: 0, devices: new Map() }))
      count.by[stand.standing]++
      count.conflicts += stand.lost.length
      count.devices.set(device, stand)
    }
  }

  of(device: string): ReadonlyMap<string, Stand> {
    return this.#of.get(device) ?? new Map()
  }

  metrics(id: string): ConfigurationMetrics {
    const count = this.#counts.get(id)
    const by = count?.by ?? none()
    return { ...by, applied: by.applied + by.converged, targeted: count?.devices.size ?? 0, conflicts: count?.conflicts ?? 0 }
  }

  /** Those that some device counts for. */
  ids(): Iterable<string> {
    return this.#counts.keys()
  }

  devicesOf(id: string): ReadonlyMap<string, Stand> {
    return this.#counts.get(id)?.devices ?? new Map()
  }
}
