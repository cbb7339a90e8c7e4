import { checkedSection } from './check.ts'
import type { Twin, TwinDocument } from './document.ts'
import type { TwinSection } from './json.ts'
import { patchBetween } from './merge.ts'
import { applyUpdate } from './update.ts'

/** The twin with other desired properties, of which only those that differ get a new stamp; itself if none does. TWIN_INVALID, TWIN_LIMIT. */
export function withDesired(twin: Twin, desired: unknown, now: number): Twin {
  const patch = patchBetween(twin.desired, checkedSection(desired, 'desired'))
  return Object.keys(patch).length > 0 ? applyUpdate(twin, { desired: patch }, { now }).doc : twin
}

/** A change of desired for a device that merges what it gets: a patch with nulls, or everything if `full`. */
export interface DesiredChange {
  version: number
  full: boolean
  desired: TwinSection
}

/** What brings a device from the desired properties it last saw to those of `to`; all of them if it is not known what it saw. */
export function desiredPatchBetween(
  from: Pick<TwinDocument, 'desired'> | undefined,
  to: Pick<TwinDocument, 'desired' | 'desiredVersion'>,
): DesiredChange {
  const desired = from ? patchBetween(from.desired, to.desired) : to.desired
  return { version: to.desiredVersion, full: from === undefined, desired }
}
