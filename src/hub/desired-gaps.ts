import { covering } from '../twin/gone.ts'
import { isSection, own, type TwinSection } from '../twin/json.ts'
import { patchBetween } from '../twin/merge.ts'

/** A renewal of a token takes seconds; who is away longer is told everything. */
const keptMs = 60_000
/** What was sent so short a time before the end may not have arrived. */
const inFlightMs = 5000
const mostDevices = 10_000

interface Gap {
  /** it is connected, and was told something a moment ago */
  here: boolean
  at: number
  /** desired as the device has it; `rough`: as it may have it, all members of any of these states */
  had?: TwinSection
  rough: boolean
}

/**
 * What devices missed that neither subscribe nor ask again after a reconnect (Azure's SDK). Keys are ids of twins, sections are without nulls and are not changed.
 * Of the devices that are in it, those noted first are forgotten first.
 */
export class DesiredGaps {
  readonly #gaps = new Map<string, Gap>()
  /** from then on no entry means that nothing was told of late */
  #sureFrom = -Infinity

  /** It was sent a change of what was `before`. */
  told(key: string, before: TwinSection, now: number): void {
    const gap = this.#gaps.get(key)
    if (gap && !gap.here) {
      this.missed(key, before)
      return
    }
    const had = gap?.had && now - gap.at < inFlightMs ? union(gap.had, before) : before
    this.#note(key, { here: true, at: now, had, rough: true })
  }

  /** It was not there. Without effect on who did not leave of late. */
  missed(key: string, before: TwinSection): void {
    const gap = this.#gaps.get(key)
    if (!gap || gap.here) return
    if (!gap.had) gap.had = before
    else if (gap.rough) gap.had = union(gap.had, before)
  }

  /** `sure`: it read until its end, as who says goodbye does. */
  left(key: string, { now, sure }: { now: number; sure: boolean }): void {
    const gap = this.#gaps.get(key)
    this.#gaps.delete(key)
    const unread = gap?.had && now - gap.at < inFlightMs ? gap.had : undefined
    if (!sure || (!unread && now < this.#sureFrom)) return
    this.#note(key, { here: false, at: now, rough: unread !== undefined, ...(unread && { had: unread }) })
  }

  /** What makes it equal to what is desired now, null for what went; empty: it missed nothing. Undefined: nobody knows. */
  back(key: string, desired: TwinSection, now: number): TwinSection | undefined {
    const gap = this.#gaps.get(key)
    if (!gap || gap.here) return undefined
    this.#gaps.delete(key)
    if (now - gap.at >= keptMs) return undefined
    const { had, rough } = gap
    if (!had) return {}
    this.#note(key, { here: true, at: now, had, rough: true })
    return rough ? covering(had, desired) : patchBetween(had, desired)
  }

  #note(key: string, gap: Gap): void {
    this.#gaps.delete(key)
    this.#gaps.set(key, gap)
    for (const [oldest, { here, at }] of this.#gaps) {
      const over = gap.at - at >= (here ? inFlightMs : keptMs)
      if (!over && this.#gaps.size <= mostDevices) return
      if (here) this.#sureFrom = Math.max(this.#sureFrom, at + inFlightMs)
      this.#gaps.delete(oldest)
    }
  }
}

/** All members of both; what is an object in one of them stays one. */
function union(some: TwinSection, others: TwinSection): TwinSection {
  const all = { ...some }
  for (const key of Object.keys(others)) {
    const [was, is] = [own(some, key), others[key]]
    if (isSection(was)) all[key] = isSection(is) ? union(was, is) : was
    else all[key] = is
  }
  return all
}
