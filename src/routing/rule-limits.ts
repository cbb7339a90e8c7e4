/** How large a rule may be. Beyond it: RULE_LIMIT with the place of the first thing that is too much. */
export interface RuleLimits {
  /** of the whole text, UTF-8 */
  textBytes: number
  /** brackets, calls, CASE, NOT and minus signs inside one another */
  nesting: number
  /** height of the tree: what `nesting` does not see are chains such as `a + b + c` or `a.b.c` */
  height: number
  /** of one SELECT list */
  items: number
  /** of SET */
  variables: number
  /** of an array behind IN */
  inElements: number
  /** of FROM */
  filters: number
}

export const ruleLimits: Readonly<RuleLimits> = {
  textBytes: 16_384,
  nesting: 64,
  height: 512,
  items: 256,
  variables: 32,
  inElements: 1_000,
  filters: 64,
}

/** The offset of the first character that does not fit into the bytes, or -1. */
export function overflowOf(text: string, bytes: number): number {
  if (text.length * 3 <= bytes) return -1
  let size = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    // Each half of a surrogate pair is two of its four bytes.
    size += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3
    if (size > bytes) return at
  }
  return -1
}
