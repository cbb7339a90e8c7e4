/** RFC 8428, table 4: label of the JSON form -> that of CBOR. */
export const senmlLabels = {
  bver: -1,
  bn: -2,
  bt: -3,
  bu: -4,
  bv: -5,
  bs: -6,
  n: 0,
  u: 1,
  v: 2,
  vs: 3,
  vb: 4,
  s: 5,
  t: 6,
  ut: 7,
  vd: 8,
} as const

const names = new Map<string, string>(Object.entries(senmlLabels).map(([name, label]) => [String(label), name]))

/** By the labels of JSON what decoded CBOR has by number. */
export const namedRecord = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([label, value]) => [names.get(label) ?? label, value]))

/** By number, as a map that CBOR can write. */
export const labelledRecord = (record: Readonly<Record<string, unknown>>): Map<number, unknown> =>
  new Map(Object.entries(record).map(([name, value]) => [senmlLabels[name as keyof typeof senmlLabels], value]))
