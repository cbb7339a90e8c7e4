/** One value of every kind, of texts one of each that converts differently. */
export const samples: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  7,
  '7',
  'x',
  'FALSE',
  [7],
  { a: 7 },
  Uint8Array.of(1, 2),
]

export const nameOf = (value: unknown): string =>
  value instanceof Uint8Array ? 'bytes' : value === undefined ? 'Undefined' : JSON.stringify(value)
