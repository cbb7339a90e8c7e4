import type { Random } from '../random.ts'

/** What a device measures: name -> value. */
export type Values = Record<string, number | string | boolean>

/** Advances one machine by `dtS` seconds and reads its sensors. */
export type Step = (dtS: number) => Values

/**
 * A physical model. `start` is pure: the same random stream, parameters and sequence of `dtS` give the same values. `parameters` is read at each step, so
 * changing a property of that object changes the running machine.
 */
export interface Model {
  /** Name -> unit of every value; the order is the order of the values. */
  points: Readonly<Record<string, string>>
  /** Defaults; each may be overridden by configuration or message. */
  parameters: Readonly<Record<string, number>>
  start(random: Random, parameters: Record<string, number>): Step
}
