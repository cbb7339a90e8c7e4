import type { FaultSpec } from './fault-spec.ts'
import { FaultInjector, type Outcome } from './faults.ts'
import { modelNameOf, models } from './models/catalogue.ts'
import type { Values } from './models/model.ts'
import { deviceIdOf, parametersOf, type SimulatorOptions } from './options.ts'
import { type Random, randomOf } from './random.ts'
import type { Recording } from './recording.ts'

/** A reading to come: `at` when it is taken, epoch ms; `time` only when it says another one than that. */
interface Coming {
  at: number
  time?: number
  values: Values
}

/** The readings of a machine one after the other; endless. */
interface Source {
  next(): Coming
}

export interface Planned extends Outcome {
  device: string
  /** The connection breaks now, for so long. */
  disconnectMs?: number
}

/** Readings of one device are at least this far apart, however fast time runs. */
const leastGapMs = 10

/** What one device does and when: pure, told the time by whoever asks. */
export class SimulatedDevice {
  readonly id: string
  readonly index: number
  /** Changed in place by configuration; the model reads it at each step. */
  readonly parameters: Record<string, number>
  /** Its own, in place of the fleet's; counts from the next reading on. */
  intervalMs: number | undefined
  /** When the next reading leaves, epoch ms. */
  dueAt: number
  readonly #source: Source
  readonly #faults: FaultInjector
  readonly #jitter: Random
  readonly #outages: Random
  readonly #options: SimulatorOptions
  #reading: Coming
  #seq = 0
  #outageAt: number
  #offsetMs = 0

  /** `options` may be changed in place while it runs: interval and speed count from the next reading on. */
  constructor(o: { options: SimulatorOptions; index: number; startAt: number; recording?: Recording | undefined }) {
    this.#options = o.options
    this.index = o.index
    this.id = deviceIdOf(o.options.idPrefix, o.index)
    const stream = (name: string): Random => randomOf(`${o.options.seed}/${this.id}/${name}`)
    this.#jitter = stream('jitter')
    this.#outages = stream('outages')
    this.parameters = parametersOf(o.options, o.index)
    this.#faults = new FaultInjector({ device: this.id, seed: o.options.seed, faults: o.options.faults })
    const replays = o.recording && o.index < (o.options.recording?.devices ?? 0)
    this.#source = replays ? replay(o.recording!, o.options, o.startAt) : this.#machine(stream('model'), o.startAt)
    this.#outageAt = o.startAt + this.#gapToOutage()
    this.#reading = this.#source.next()
    this.dueAt = this.#departure(o.startAt)
  }

  /** Takes the reading that is due, and says when the next one is. */
  take(): Planned {
    const at = this.#reading.at + this.#offsetMs
    const { time = at, values } = this.#reading
    const outcome = this.#faults.apply({ seq: ++this.#seq, time, values }, at)
    const departed = this.dueAt
    this.#reading = this.#source.next()
    this.dueAt = this.#departure(departed + leastGapMs)
    if (departed < this.#outageAt) return { device: this.id, ...outcome }
    const disconnectMs = 2000 + Math.floor(this.#outages.next() * 18_000)
    this.#outageAt = departed + disconnectMs + this.#gapToOutage()
    return { device: this.id, ...outcome, disconnectMs }
  }

  /** Moves the rest of its life: after a pause of the process nothing is made up for. */
  postpone(ms: number): void {
    this.#offsetMs += ms
    this.dueAt += ms
  }

  inject(fault: FaultSpec): void {
    this.#faults.inject(fault)
  }

  /** What is still held back when it stops. */
  flush(at: number): Planned {
    return { device: this.id, ...this.#faults.flush(at) }
  }

  #departure(earliest: number): number {
    return Math.max(earliest, this.#reading.at + this.#offsetMs + Math.floor(this.#jitter.next() * this.#options.jitterMs))
  }

  #gapToOutage(): number {
    const { disconnectsPerHour } = this.#options
    return disconnectsPerHour > 0
      ? (-Math.log(1 - this.#outages.next()) * 3_600_000) / disconnectsPerHour
      : Number.POSITIVE_INFINITY
  }

  #machine(random: Random, startAt: number): Source {
    const options = this.#options
    const step = models[modelNameOf(options.model, this.index)].start(random, this.parameters)
    // Devices of one fleet are spread over the interval, as real ones are.
    const own = (): number | undefined => this.intervalMs
    let at = startAt + Math.floor(randomOf(`${options.seed}/${this.id}/phase`).next() * options.intervalMs) - options.intervalMs
    return {
      next() {
        const intervalMs = own() ?? options.intervalMs
        at += intervalMs
        return { at, values: step((intervalMs * options.speed) / 1000) }
      },
    }
  }
}

/** The rows again and again; a round takes as long as the recording and one gap, at least a second. */
function replay({ rows }: Recording, { recording }: SimulatorOptions, startAt: number): Source {
  const { speed, keepTimes } = recording!
  const first = rows[0]!.time
  const length = rows.at(-1)!.time - first
  const roundMs = Math.max(1000, (length + length / Math.max(1, rows.length - 1)) / speed)
  let i = -1
  let round = 0
  return {
    next() {
      if (++i === rows.length) {
        i = 0
        round++
      }
      const { time, values } = rows[i]!
      const at = Math.round(startAt + round * roundMs + (time - first) / speed)
      return { at, values, ...(keepTimes && { time }) }
    },
  }
}
