import type { Random } from './target.ts'

const mostBytes = 65_536
const edges = [0, 1, 0x1f, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0x9f, 0xbf, 0xc0, 0xc1, 0xd4, 0xdf, 0xf4, 0xf7, 0xfb, 0xfe, 0xff]
/** Lengths without what they promise, first bytes of other formats, texts that are not, and names that objects have. */
const pieces = [
  ...[
    'ffffffff',
    'ffffffff0f',
    'ffffffffffffffff01',
    'ffffffffffffffff7f',
    '7fffffff',
    '80000000',
    '0000000000000080',
    'feffffffffffffffff01',
  ],
  ...[
    '5bffffffffffffffff',
    '9bffffffffffffffff',
    'bb0000000100000000',
    '9a7fffffff',
    'ddffffffff',
    'dfffffffff',
    'c6ffffffff',
    'c9ffffffffff',
  ],
  ...[
    '1f8b08',
    '789c',
    '28b52ffd',
    '4f626a01',
    'c301',
    'd9d9f7',
    '0000000001',
    'd81c00',
    'c1fb7ff8000000000000',
    'd6ffffffffff',
    'c7040100000000',
  ],
  ...['efbbbf', 'fffe', 'eda080', 'edb080', 'c080', 'f4908080', 'f0', '00', '22', '7b', '5b'],
  ...['__proto__', 'constructor', 'prototype', '"__proto__":{"polluted":1},', '1e999', '-0', '\\ud800', '"\r\n', '=cmd()'].map(
    text => Buffer.from(text).toString('hex'),
  ),
].map(hex => Buffer.from(hex, 'hex'))
const nests = ['5b', '7b2261223a', '81', '9f', 'a16161', 'd818', '91', '8161', 'bf6161', '0a', '12', 'c2', '02', '3b'].map(hex =>
  Buffer.from(hex, 'hex'),
)

/** One to four changes to one of the inputs; now and then none, or noise alone. */
export function mutatedBytes(random: Random, from: readonly Uint8Array[]): Buffer {
  if (random.below(40) === 0) return noise(random, random.below(200))
  let bytes: Buffer<ArrayBuffer> = Buffer.from(random.pick(from))
  for (let left = random.below(30) ? 1 + random.below(4) : 0; left > 0; left--) bytes = mutation(random, bytes, from)
  return bytes.subarray(0, mostBytes)
}

function mutation(random: Random, bytes: Buffer<ArrayBuffer>, from: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const at = random.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + 1 + random.below(random.below(4) ? 8 : 400))
  const [head, part, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)]
  switch (random.below(10)) {
    case 0: {
      const flipped = Buffer.from(bytes)
      if (at < bytes.length) flipped[at]! ^= 1 << random.below(8)
      return flipped
    }
    case 1:
      return Buffer.concat([head, Buffer.of(random.pick(edges)), bytes.subarray(at + 1)])
    case 2:
      return head
    case 3:
      return Buffer.concat([head, tail])
    case 4: {
      const other = random.pick(from)
      return Buffer.concat([head, other.subarray(random.below(other.length + 1))])
    }
    case 5:
      return Buffer.concat([head, ...repeated(random, part), tail])
    case 6:
      return Buffer.concat([head, ...repeated(random, random.pick(nests)), bytes.subarray(at)])
    case 7:
      return Buffer.concat([head, noise(random, random.below(12)), tail])
    case 8:
      return Buffer.concat([head, random.pick(pieces), bytes.subarray(at)])
    default:
      return Buffer.concat([head, random.pick(pieces), bytes.subarray(at + 1)])
  }
}

const repeated = <T extends { length: number }>(random: Random, part: T): T[] =>
  Array.from({ length: Math.min(timesOf(random), Math.floor(mostBytes / Math.max(1, part.length))) }, () => part)

/** Mostly few. */
const timesOf = (random: Random): number => random.pick([1, 2, 3, 7, 30, 63, 65, 200, 1000, 20_000])

const noise = (random: Random, length: number): Buffer<ArrayBuffer> =>
  Buffer.from(Array.from({ length }, () => random.below(256)))

/** One to four changes to one of the texts, with pieces of the language in them. */
export function mutatedText(random: Random, from: readonly string[], words: readonly string[]): string {
  let text = random.below(20) ? random.pick(from) : ''
  for (let left = random.below(20) ? 1 + random.below(4) : 0; left > 0; left--) {
    const at = random.below(text.length + 1)
    const end = Math.min(text.length, at + random.below(random.below(4) ? 6 : 60))
    const [head, part, tail] = [text.slice(0, at), text.slice(at, end), text.slice(end)]
    const made = (): string => {
      switch (random.below(8)) {
        case 0:
          return head + tail
        case 1:
          return head + repeated(random, part || random.pick(words)).join('') + tail
        case 2:
          return head + random.pick(from).slice(random.below(40)) + (random.below(2) ? tail : '')
        case 3:
          return head + String.fromCharCode(random.below(2) ? random.below(128) : random.below(65_536)) + tail
        case 4:
          return head
        default:
          return `${head}${random.pick(words)}${random.below(3) ? text.slice(at) : tail}`
      }
    }
    text = made().slice(0, 20_000)
  }
  return text
}

/** Values as hostile as JSON can say them, one below the other, and texts of the kind that functions take. */
const values: readonly string[] = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1',
    '-1',
    '0.1',
    '1e308',
    '-1e-320',
    '9007199254740993',
    '2147483648',
    '1e21',
    '[]',
    '{}',
    '""',
  ],
  ...[
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ufeff1"',
    '"\\u0000"',
    '"__proto__"',
    '"constructor"',
    '"NaN"',
    '"0x10"',
    '"1e400"',
    '" 7 "',
    '"true"',
  ],
  ...[
    '"(a+)+$"',
    '"((a*)*)*b"',
    '"\\\\p{L}"',
    '"[[:alpha:]]"',
    '"(?<x>a)\\\\k<x>"',
    '"$1$&"',
    '"2020-02-30T25:61:00Z"',
    '"yyyy-MM-dd\'T\'HH:mm:ss.SSSZ"',
  ],
  ...[
    '"%zz"',
    '"AAAA===="',
    '"md5"',
    '"SHA256"',
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '[[[[[[[[1]]]]]]]]',
  ],
  ...[
    '{"type":"array","items":"int"}',
    '"string"',
    '"int"',
    '["null","long"]',
    '{"$ref":"#"}',
    '{"":""}',
    '{"length":4294967295}',
    '{"toString":1,"valueOf":2,"then":3}',
  ],
]

/** A copy with one to four members or items replaced, removed, added, moved or nested. Members of any name are own ones. */
export function mutatedValue(random: Random, value: unknown): unknown {
  let root = { value: structuredClone(value) } as Record<string, unknown>
  for (let left = 1 + random.below(4); left > 0; left--) {
    const places = placesIn(root)
    const { holder, key } = random.pick(places)
    switch (random.below(9)) {
      case 0:
        if (holder !== root) Reflect.deleteProperty(holder, key)
        break
      case 1:
        put(holder, key, random.pick(places).holder)
        break
      case 2:
        put(holder, key, nested(random, holder[key], timesOf(random)))
        break
      case 3:
        put(holder, holder === root || Array.isArray(holder) ? key : random.pick(names), hostile(random))
        break
      case 4: {
        const text = random.pick(['a', 'é', '\ud83d', '\ud83d\ude00', ' ', '0', '9', '(', 'a+', '\\']).repeat(timesOf(random))
        put(holder, key, text)
        break
      }
      default:
        put(holder, key, hostile(random))
    }
    // What was put inside itself becomes a tree again; too much of it is the value of before.
    root = tree(root) ?? { value: hostile(random) }
  }
  return root.value
}

const names = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '',
  'a.b',
  '\ud800',
  '0',
  'length',
  'type',
  'name',
  'items',
  'x'.repeat(300),
]

export const hostile = (random: Random): unknown => JSON.parse(random.pick(values))

function put(holder: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true })
}

function placesIn(root: Record<string, unknown>): { holder: Record<string, unknown>; key: string }[] {
  const found: { holder: Record<string, unknown>; key: string }[] = []
  const open: unknown[] = [root]
  for (let at = 0; at < open.length && found.length < 2000; at++) {
    const holder = open[at] as Record<string, unknown>
    for (const key of Object.keys(holder)) {
      found.push({ holder, key })
      if (typeof holder[key] === 'object' && holder[key] !== null) open.push(holder[key])
    }
  }
  return found
}

function tree(root: Record<string, unknown>): Record<string, unknown> | undefined {
  try {
    const text = JSON.stringify(root)
    return text.length <= 4 * mostBytes ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

function nested(random: Random, value: unknown, times: number): unknown {
  const name = random.pick(['a', 'items', '__proto__', 'fields', 'allOf'])
  const list = random.below(2) === 0
  let made = value
  for (let left = Math.min(times, 2000); left > 0; left--) {
    const holder: Record<string, unknown> = {}
    put(holder, name, made)
    made = list ? [made] : holder
  }
  return made
}
