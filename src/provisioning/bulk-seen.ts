/**
 * The rows in which ids were seen first, upper and lower case alike: 64 bits of a hash in a table of numbers, so that a million ids need some 24 MB. Two ids that share them, which would
 * be taken for one, are to be expected once in thirty million files of a million rows.
 */
export class SeenIds {
  #slots = 1024
  /** three numbers a slot: two of the hash, then the row; row 0 is free */
  #table = new Uint32Array(3 * 1024)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The row that had the id before; undefined: this one is the first. */
  add(id: string, row: number): number | undefined {
    const [high, low] = hashOf(id.toLowerCase())
    const at = find(this.#table, this.#slots, high, low)
    if (this.#table[at + 2]) return this.#table[at + 2]
    this.#table.set([high, low, row], at)
    if (++this.#size * 2 > this.#slots) this.#grow()
    return undefined
  }

  #grow(): void {
    const [before, slots] = [this.#table, this.#slots * 2]
    const table = new Uint32Array(3 * slots)
    for (let at = 0; at < before.length; at += 3)
      if (before[at + 2]) table.set(before.subarray(at, at + 3), find(table, slots, before[at]!, before[at + 1]!))
    this.#table = table
    this.#slots = slots
  }
}

/** Where the hash stands, or the free place for it. `slots` is a power of two. */
function find(table: Uint32Array, slots: number, high: number, low: number): number {
  for (let slot = low & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const at = 3 * slot
    if (!table[at + 2] || (table[at] === high && table[at + 1] === low)) return at
  }
}

/** Two 32-bit hashes with different multipliers, each mixed as MurmurHash3 ends. A cryptographic one would take most of the time of an import. */
function hashOf(text: string): [number, number] {
  let [a, b] = [0x9e3779b9, 0x85ebca6b]
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    a = Math.imul(a ^ char, 0x01000193)
    b = Math.imul((b << 5) ^ (b >>> 27) ^ char, 0xc2b2ae35)
  }
  return [mixed(a ^ text.length), mixed(b ^ a)]
}

function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) >>> 0
}
