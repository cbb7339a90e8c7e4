import { createHash } from 'node:crypto'

/** A reproducible stream of numbers: the same seed text gives the same stream on every machine. */
export interface Random {
  /** uniform in [0, 1) */
  next(): number
  /** standard normal */
  normal(): number
}

/** sfc32 (Chris Doty-Humphrey's PractRand, public domain) seeded with SHA-256 of the text, so that near seeds give unrelated streams. */
export function randomOf(seed: string): Random {
  const digest = createHash('sha256').update(seed).digest()
  let [a, b, c, counter] = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), 1]
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 12; i++) next()
  // Box-Muller; 1 - u keeps the logarithm finite.
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return { next, normal }
}
