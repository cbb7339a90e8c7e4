/** Stands in the place of the bytes from `from` to before `to`. */
export interface Edit {
  from: number
  to: number
  by: readonly Uint8Array[]
}

/** The bytes with the edits, which are in order and apart from one another. */
export function spliced(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const parts: Uint8Array[] = []
  let at = 0
  for (const { from, to, by } of edits) {
    parts.push(bytes.subarray(at, from), ...by)
    at = to
  }
  return Buffer.concat([...parts, bytes.subarray(at)])
}
