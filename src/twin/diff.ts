import { isSection, own, sameJson, type TwinSection } from './json.ts'
import { type Stamp, stampsOf } from './stamp.ts'

/** What is desired and not reported, and since when it is desired. */
export interface Delta {
  state: TwinSection
  meta: Stamp
}

/**
 * The members of `desired` that `reported` lacks or has otherwise, objects member by member and arrays whole; undefined if there are none. What is only reported does not
 * count. A merge patch: reported after it has no difference any more.
 */
export function diff(desired: TwinSection, reported: TwinSection): TwinSection | undefined {
  let found: TwinSection | undefined
  for (const key of Object.keys(desired)) {
    const wanted = desired[key]
    const is = own(reported, key)
    const part = isSection(wanted) && isSection(is) ? diff(wanted, is) : sameJson(wanted, is) ? undefined : wanted
    if (part === undefined) continue
    found ??= {}
    found[key] = part
  }
  return found
}

export function deltaOf(doc: { desired: TwinSection; reported: TwinSection; meta: { desired: Stamp } }): Delta | undefined {
  const state = diff(doc.desired, doc.reported)
  return state && { state, meta: stampsOf(state, doc.meta.desired) }
}
