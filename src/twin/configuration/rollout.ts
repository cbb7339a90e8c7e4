import type { ErrorData } from '../../errors.ts'
import { sameJson, type TwinSection } from '../json.ts'
import { type Effective, effective, type Ranked } from './effective.ts'
import { type Applied, type ConfigurationPlan, planConfigurations } from './plan.ts'
import { inShare } from './share.ts'
import { type Stand, standsOf } from './standing.ts'
import { ConfigurationTally } from './tally.ts'

/** A configuration at work. */
export interface Active<D> extends Ranked {
  /** percent; absent: all */
  canary?: number
  matches(device: D): boolean
}

/** What is known of a device that configurations want something of. */
export interface ConfiguredDevice<D> {
  /** what queries read */
  subject: D
  desired: TwinSection
  reported: TwinSection
}

/** What flows were told of a configuration and a device last; the version it was told of. */
export type Told = Readonly<Record<string, readonly ['applied' | 'converged' | 'failed', number]>>

/** What configurations have done on a device, as it is kept. */
export interface DeviceRecord {
  applied: Applied
  told: Told
  /** why the twin refused what they want */
  error?: ErrorData
}

export interface StandEvent {
  configuration: string
  /** `diverged`: it had reported it; `left`: nothing of it is in the twin any more */
  event: 'applied' | 'converged' | 'diverged' | 'failed' | 'left'
  version: number
}

interface Known {
  record: DeviceRecord
  matching: ReadonlyMap<string, { ranked: Ranked; shared: boolean }>
  effective: Effective
  failed?: { of: Effective; desired: TwinSection; error: ErrorData }
}

/** What a device needs: a patch, a record, events, or nothing of it. */
export interface NextStep {
  plan: ConfigurationPlan
  record: DeviceRecord
  events: StandEvent[]
  /** there is something to write */
  due: boolean
}

const nothing: Effective = { wanted: new Map(), lost: new Map() }
const noRecord: DeviceRecord = { applied: {}, told: {} }

/** Which configurations want what of which devices, and how far that is: one device is looked at when it changes, all of them when a configuration does. */
export class Rollout<D> {
  readonly tally = new ConfigurationTally()
  readonly #active = new Map<string, Active<D>>()
  readonly #known = new Map<string, Known>()
  /** by the configurations that apply */
  readonly #effective = new Map<string, Effective>()

  /** Another one, or another form of it. Devices stand as before until they are looked at. */
  put(active: Active<D>): void {
    this.#active.set(active.id, active)
    this.#effective.clear()
  }

  remove(id: string): void {
    this.#active.delete(id)
    this.#effective.clear()
  }

  /** As it is kept. */
  restore(device: string, record: DeviceRecord): void {
    this.#known.set(device, { record, matching: new Map(), effective: nothing })
  }

  /** Devices of which something is known. */
  get devices(): Iterable<string> {
    return this.#known.keys()
  }

  get idle(): boolean {
    return !this.#active.size && !this.#known.size
  }

  recordOf(device: string): DeviceRecord {
    return this.#known.get(device)?.record ?? noRecord
  }

  /** A device as it is now; undefined: it is gone or out of service. */
  look(id: string, device: ConfiguredDevice<D> | undefined): NextStep | undefined {
    const before = this.#known.get(id)
    const matching = device ? this.#matching(id, device.subject) : new Map()
    if (!matching.size && !before) return undefined
    if (!device) {
      this.tally.set(id, new Map())
      return { plan: planConfigurations({}, nothing, {}), record: noRecord, events: [], due: true }
    }
    const known: Known = { record: before?.record ?? noRecord, matching, effective: this.#effectiveOf(matching) }
    const { failed } = before ?? {}
    if (failed && failed.of === known.effective && sameJson(failed.desired, device.desired)) known.failed = failed
    this.#known.set(id, known)
    return this.step(id, device)
  }

  /** What the device needs with this twin. */
  step(id: string, { desired, reported }: Pick<ConfiguredDevice<D>, 'desired' | 'reported'>): NextStep | undefined {
    const known = this.#known.get(id)
    if (!known) return undefined
    const { record, matching, effective: wants, failed } = known
    const wanted = planConfigurations(record.applied, wants, desired)
    const refused = failed !== undefined && wanted.changed
    const plan = refused ? { desired, applied: record.applied, changed: false } : wanted
    const stand = (applied: Applied, section: TwinSection) =>
      standsOf({ matching, effective: wants, applied, failed: failed !== undefined, desired: section, reported })
    this.tally.set(id, stand(record.applied, desired))
    // What will be true once it is written
    const { told, events } = newsOf(record.told, stand(plan.applied, plan.desired))
    const due = plan.changed || events.length > 0
    if (!due && !matching.size && isEmpty(record)) this.forget(id)
    return { plan, record: { applied: plan.applied, told, ...(refused && { error: failed.error }) }, events, due }
  }

  /** What was written. */
  written(id: string, record: DeviceRecord): void {
    const known = this.#known.get(id)
    if (known) known.record = record
  }

  /** The twin refuses what is wanted: it is not tried again before either is another. */
  refused(id: string, desired: TwinSection, error: ErrorData): void {
    const known = this.#known.get(id)
    if (known) known.failed = { of: known.effective, desired, error }
  }

  /** Twins that refused what is wanted may take it now, this device's or all; those that are to be looked at. */
  retry(device?: string): string[] {
    const all = device === undefined ? [...this.#known.keys()] : [device]
    return all.filter(id => {
      const known = this.#known.get(id)
      return known?.failed !== undefined && delete known.failed
    })
  }

  forget(id: string): void {
    this.#known.delete(id)
    this.tally.set(id, new Map())
  }

  #matching(id: string, subject: D): Known['matching'] {
    const found = new Map<string, { ranked: Ranked; shared: boolean }>()
    for (const active of this.#active.values())
      if (active.matches(subject))
        found.set(active.id, { ranked: active, shared: active.canary === undefined || inShare(active.id, id, active.canary) })
    return found
  }

  #effectiveOf(matching: Known['matching']): Effective {
    const shared = [...matching.values()].flatMap(({ ranked, shared }) => (shared ? [ranked] : []))
    const key = shared.map(({ id }) => id).join('|')
    const known = this.#effective.get(key)
    if (known) return known
    const made = effective(shared)
    // Devices fall into few kinds; where they do not, memory is worth more
    if (this.#effective.size >= 10_000) this.#effective.clear()
    this.#effective.set(key, made)
    return made
  }
}

export const isEmpty = ({ applied, told }: DeviceRecord): boolean => !Object.keys(applied).length && !Object.keys(told).length

/** What flows are to be told, and what they know then. */
function newsOf(before: Told, stands: ReadonlyMap<string, Stand>): { told: Told; events: StandEvent[] } {
  const told: Record<string, Told[string]> = {}
  const events: StandEvent[] = []
  for (const [configuration, { standing, version }] of stands) {
    const was = Object.hasOwn(before, configuration) ? before[configuration]! : undefined
    if (standing === 'held' || standing === 'overruled') continue
    if (standing === 'pending') {
      if (was) told[configuration] = was
      continue
    }
    told[configuration] = [standing, version]
    const again = was?.[1] === version
    if (again && was[0] === standing) continue
    if (standing === 'applied' && again && was[0] === 'converged') events.push({ configuration, event: 'diverged', version })
    else if (standing === 'converged' && !(again && was[0] === 'applied'))
      events.push({ configuration, event: 'applied', version }, { configuration, event: 'converged', version })
    else events.push({ configuration, event: standing, version })
  }
  for (const [configuration, [, version]] of Object.entries(before))
    if (!Object.hasOwn(told, configuration)) events.push({ configuration, event: 'left', version })
  return { told, events }
}
