const strict = { fatal: true, ignoreBOM: true } as const
const utf8 = new TextDecoder('utf-8', strict)

/** The offset of the first byte that is no UTF-8 by then, `undefined` if all are. */
export function utf8Fault(bytes: Uint8Array, from = 0, to = bytes.length): number | undefined {
  let at = from
  while (at < to && bytes[at]! < 0x80) at++
  if (at === to || isUtf8(bytes, at, to)) return undefined
  // Whole up to `low`, broken at `high`.
  let [low, high] = [at, to]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (isUtf8(bytes, at, middle, true)) low = middle
    else high = middle - 1
  }
  return low
}

function isUtf8(bytes: Uint8Array, from: number, to: number, open = false): boolean {
  try {
    const decoder = open ? new TextDecoder('utf-8', strict) : utf8
    decoder.decode(bytes.subarray(from, to), { stream: open })
    return true
  } catch {
    return false
  }
}
