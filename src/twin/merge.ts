import { isSection, own, sameJson, type TwinSection } from './json.ts'

/**
 * A section after a merge patch (RFC 7396): objects member by member, arrays whole, null removes. Both stay as they are; the result is `before` itself if nothing
 * changes, and shares with it what the patch does not touch. Of checked input only.
 */
export function mergeSection(before: TwinSection, patch: TwinSection): TwinSection {
  let after: TwinSection | undefined
  for (const key of Object.keys(patch)) {
    const next = patch[key]
    if (next === null) {
      if (!Object.hasOwn(before, key)) continue
      after ??= { ...before }
      delete after[key]
      continue
    }
    const was = own(before, key)
    const value = merged(was, next)
    if (value === was) continue
    after ??= { ...before }
    after[key] = value
  }
  return after ?? before
}

function merged(was: unknown, next: unknown): unknown {
  if (isSection(next)) return mergeSection(isSection(was) ? was : {}, next)
  return sameJson(was, next) ? was : next
}

/** The smallest merge patch that turns one section into another: with null for what is gone, empty if they are equal. */
export function patchBetween(before: TwinSection, after: TwinSection): TwinSection {
  const patch: TwinSection = {}
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch[key] = null
  for (const key of Object.keys(after)) {
    const was = own(before, key)
    const value = after[key]
    if (!isSection(was) || !isSection(value)) {
      if (!sameJson(was, value)) patch[key] = value
      continue
    }
    const inner = patchBetween(was, value)
    if (Object.keys(inner).length > 0) patch[key] = inner
  }
  return patch
}
