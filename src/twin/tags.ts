import { checkedPatch, checkedSection } from './check.ts'
import { nextEtag, type Twin } from './document.ts'
import type { TwinSection } from './json.ts'
import { checkBytes } from './limits.ts'
import { mergeSection } from './merge.ts'
import { twinProfiles } from './profiles.ts'
import { expect } from './update.ts'

/** Tags after a merge patch, null for none at all; with `replace` it is all there shall be. TWIN_INVALID, TWIN_LIMIT. */
export function tagsAfter(before: TwinSection, patch: TwinSection | null, { replace = false } = {}): TwinSection {
  if (replace) return checkedSection(patch ?? {}, 'tags')
  const tags = patch ? mergeSection(before, checkedPatch(patch, 'tags')) : {}
  checkBytes({ ...noSections, tags: before }, { ...noSections, tags }, twinProfiles.plain)
  return tags
}

const noSections = { desired: {}, reported: {} }

/** The twin after a merge patch of its tags, null for none at all. Devices see neither tags nor a version of them: only the etag changes. */
export function applyTags(twin: Twin, patch: TwinSection | null, { etag }: { etag?: string } = {}): Twin {
  const next = { ...twin, tags: tagsAfter(twin.tags, patch), etag: nextEtag(twin) }
  expect(twin, { ...(etag !== undefined && { etag }) })
  return next
}
