import { type FaultKind, type FaultSpec, faultKinds } from './fault-spec.ts'
import type { Values } from './models/model.ts'
import { type Random, randomOf } from './random.ts'

/** A reading as the sensors took it. `time`: epoch ms UTC. */
export interface TrueReading {
  seq: number
  time: number
  values: Values
}

/** A reading as it goes out: `faults` names what was done to it. */
export interface Emission extends TrueReading {
  device: string
  faults: FaultKind[]
}

/** Ground truth of one fault on one reading. */
export interface FaultLog {
  /** planned time of the reading, epoch ms; for reorder, of the reading it followed */
  at: number
  device: string
  kind: FaultKind
  seq: number
  /** true value -> sent value, of the values disturbed (stuck, spike, drift) */
  changed?: Record<string, { from: number; to: number }>
  /** skew: ms added to the time; duplicate: copies added; reorder: readings that went ahead of it */
  amount?: number
}

export interface Outcome {
  emissions: Emission[]
  log: FaultLog[]
}

interface Course {
  spec: FaultSpec
  random: Random
  /** where the periods of `everyMs` begin */
  originAt?: number
  period: number
  /** an injected fault begins once and is then forgotten */
  once?: 'waiting' | 'begun'
  beganAt: number
  untilAt: number
  /** values when it began */
  base: Values
}

/**
 * The faults of one device. Each fault draws from its own random stream, so that adding one changes no other. Order: stuck, drift and spike as configured,
 * then skew, then dropout or duplicate, then reorder; one reading at a time is held back, so that each logged reorder is one on the wire.
 */
export class FaultInjector {
  readonly #device: string
  readonly #seed: string
  #courses: Course[] = []
  #injected = 0
  #held: { copies: Emission[]; overtakers: number; passed: number } | undefined

  constructor(o: { device: string; seed: string; faults: readonly FaultSpec[] }) {
    this.#device = o.device
    this.#seed = o.seed
    o.faults.forEach((spec, i) => {
      if (!spec.devices || spec.devices.includes(o.device)) this.#courses.push(this.#course(spec, `${i}`))
    })
  }

  /** Begins this fault with the next reading, whatever its probability and period. At most 100 faults run; the newest wins. */
  inject(spec: FaultSpec): void {
    if (this.#courses.length >= 100) this.#courses.pop()
    this.#courses.push({ ...this.#course(spec, `now${this.#injected++}`), once: 'waiting' })
  }

  /** What leaves the device for this reading, in order, and the ground truth. `at`: the moment it was planned for. */
  apply(reading: TrueReading, at: number): Outcome {
    const log: FaultLog[] = []
    const active = this.#courses.filter(course => runs(course, reading, at))
    this.#courses = this.#courses.filter(course => course.once !== 'begun' || at < course.untilAt || active.includes(course))
    const emission: Emission = { device: this.#device, ...reading, values: { ...reading.values }, faults: [] }
    const note = (kind: FaultKind, more: Partial<FaultLog> = {}): void => {
      if (!emission.faults.includes(kind)) emission.faults.push(kind)
      log.push({ at, device: this.#device, kind, seq: reading.seq, ...more })
    }

    for (const course of active) {
      const changed = disturb(course, emission.values, at)
      if (Object.keys(changed).length) note(course.spec.kind, { changed })
    }
    for (const { spec } of active.filter(c => c.spec.kind === 'skew')) {
      const amount = Math.round(magnitudeOf(spec))
      emission.time += amount
      note('skew', { amount })
    }
    if (active.some(c => c.spec.kind === 'dropout')) {
      note('dropout')
      return { emissions: [], log }
    }
    const copies = [emission]
    for (const { spec } of active.filter(c => c.spec.kind === 'duplicate')) {
      const amount = Math.round(magnitudeOf(spec))
      note('duplicate', { amount })
      for (let i = 0; i < amount; i++) copies.push(emission)
    }
    const reorder = active.find(c => c.spec.kind === 'reorder')
    if (reorder && !this.#held) {
      this.#held = { copies, overtakers: Math.round(magnitudeOf(reorder.spec)), passed: 0 }
      return { emissions: [], log }
    }
    if (!this.#held || ++this.#held.passed < this.#held.overtakers) return { emissions: copies, log }
    const released = this.#release(at)
    return { emissions: [...copies, ...released.emissions], log: [...log, ...released.log] }
  }

  /** What reorder still holds back, for when the device stops. */
  flush(at: number): Outcome {
    return this.#release(at)
  }

  #release(at: number): Outcome {
    if (!this.#held) return { emissions: [], log: [] }
    const { copies, passed } = this.#held
    this.#held = undefined
    if (!passed) return { emissions: copies, log: [] }
    const { device, seq, faults } = copies[0]!
    faults.push('reorder') // the copies are one object
    return { emissions: copies, log: [{ at, device, kind: 'reorder', seq, amount: passed }] }
  }

  #course(spec: FaultSpec, name: string): Course {
    const random = randomOf(`${this.#seed}/${this.#device}/fault/${name}`)
    return { spec, random, period: 0, beganAt: 0, untilAt: 0, base: {} }
  }
}

/** True while the fault acts on this reading; begins it when its time has come. */
function runs(course: Course, reading: TrueReading, at: number): boolean {
  const drawn = course.random.next()
  const { probability = 0, everyMs, kind, durationMs } = course.spec
  if (everyMs) course.originAt ??= at - Math.floor(course.random.next() * everyMs)
  const period = everyMs ? Math.floor((at - course.originAt!) / everyMs) : 0
  if (at < course.untilAt) return true
  const begins = course.once ? course.once === 'waiting' : drawn < probability || period > course.period
  course.period = period
  if (!begins) return false
  if (course.once) course.once = 'begun'
  course.beganAt = at
  course.untilAt = at + (durationMs ?? faultKinds[kind].durationMs)
  course.base = { ...reading.values }
  return true
}

const magnitudeOf = (spec: FaultSpec): number => spec.magnitude ?? faultKinds[spec.kind].magnitude

const round = (x: number): number => Math.round(x * 1e6) / 1e6

/** Changes `values` in place for stuck, spike and drift; returns what it disturbed. */
function disturb(
  { spec, random, base, beganAt }: Course,
  values: Values,
  at: number,
): Record<string, { from: number; to: number }> {
  const changed: Record<string, { from: number; to: number }> = {}
  const { kind, point } = spec
  if (kind !== 'stuck' && kind !== 'spike' && kind !== 'drift') return changed
  const sign = kind === 'spike' && random.next() < 0.5 ? -1 : 1
  for (const [name, from] of Object.entries(values)) {
    if (typeof from !== 'number' || (point && name !== point)) continue
    const start = base[name]
    const begun = typeof start === 'number' ? start : from
    const size = magnitudeOf(spec) * Math.max(1, Math.abs(kind === 'spike' ? from : begun))
    const to = kind === 'stuck' ? begun : round(kind === 'spike' ? from + sign * size : from + size * ((at - beganAt) / 60_000))
    if (kind !== 'stuck' && to === from) continue
    values[name] = to
    changed[name] = { from, to }
  }
  return changed
}
