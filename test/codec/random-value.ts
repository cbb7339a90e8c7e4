import type { seeded } from '../seeded.ts'

type Random = ReturnType<typeof seeded>

/** A value that a format of JSON's kind can write, and what it must be when read again. `bits`: of its longest whole numbers. */
export function randomValue(random: Random, { bits = 100, depth = 4 } = {}): { value: unknown; plain: unknown } {
  const same = (value: unknown) => ({ value, plain: value })
  switch (random.below(depth > 0 ? 12 : 9)) {
    case 0:
      return same(random.pick([null, true, false, 0, -1, '']))
    case 1:
      return same(random.below(2 ** 16) - 2 ** 15)
    case 2:
      return same(Math.trunc((random.next() - 0.5) * 2 ** 53))
    case 3:
      return same((random.next() - 0.5) * 10 ** (random.below(80) - 40))
    case 4:
      return same(textOf(random, random.below(40)))
    case 5: {
      const big = BigInt(Math.trunc(random.next() * 2 ** 53)) << BigInt(random.below(bits - 54))
      const value = random.below(2) ? big : -big
      const small = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
      return { value, plain: small ? Number(value) : String(value) }
    }
    case 6: {
      const bytes = Buffer.from(Array.from({ length: random.below(300) }, () => random.below(256)))
      return { value: bytes, plain: bytes.toString('base64') }
    }
    case 7: {
      const ms = Math.trunc((random.next() - 0.4) * 4e12)
      return { value: new Date(ms), plain: ms }
    }
    case 8:
      return { value: random.pick([Number.NaN, Number.POSITIVE_INFINITY, undefined]), plain: null }
    case 9:
    case 10: {
      const items = Array.from({ length: random.below(20) }, () => randomValue(random, { bits, depth: depth - 1 }))
      return { value: items.map(({ value }) => value), plain: items.map(({ plain }) => plain) }
    }
    default: {
      const entries = Array.from(
        { length: random.below(20) },
        () =>
          [
            random.below(30) ? textOf(random, 1 + random.below(12)) : '__proto__',
            randomValue(random, { bits, depth: depth - 1 }),
          ] as const,
      )
      const kept = Object.entries(Object.fromEntries(entries.map(([name, item]) => [name, item])))
      return {
        value: Object.fromEntries(kept.map(([name, { value }]) => [name, value])),
        plain: Object.fromEntries(kept.filter(([, { value }]) => value !== undefined).map(([name, { plain }]) => [name, plain])),
      }
    }
  }
}

const textOf = (random: Random, length: number): string =>
  Array.from({ length }, () => random.pick(['a', 'b', '"', '\\', '\n', '.', '0', 'ü', '水', '𐅑'])).join('')
