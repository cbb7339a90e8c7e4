import type { seeded } from '../seeded.ts'

export type Random = ReturnType<typeof seeded>

/** Something that takes input from outside. `make` is the same for the same random numbers, and gives plain JSON; bytes are base64. */
export interface Target<Input> {
  /** Codes that bad input may end with. */
  readonly codes: RegExp
  make(random: Random): Input
  /** What it returns must be plain JSON, or undefined. */
  run(input: Input): unknown
}

/** Targets by name. Each is opened in a thread of its own. */
export type Family = Readonly<Record<string, () => Target<any> | Promise<Target<any>>>>

/** Inputs have numbers from 1; each comes from its own random numbers, so that one can be made without those before. */
export const seedOf = (seed: number, number: number): number => Math.imul(seed ^ Math.imul(number, 0x9e3779b1), 0x85ebca6b) >>> 0

export const bytesIn = (text: string): Buffer => Buffer.from(text, 'base64')
