import type { ActionRules, Verdict } from './policy-rules.ts'

const longestName = 512
const most = 128

/** The verdicts of one action, without the time. Beyond 128 it begins anew: to delete them one by one costs more than to find them again. */
export class Remembered {
  #known = new Map<string, Verdict>()

  get size(): number {
    return this.#known.size
  }

  fixed(rules: Pick<ActionRules, 'fixed'>, name: string): Verdict {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const verdict = rules.fixed(name)
    if (name.length > longestName) return verdict
    if (this.#known.size >= most) this.#known = new Map()
    this.#known.set(name, verdict)
    return verdict
  }
}
