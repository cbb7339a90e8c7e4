import { checkedPatch } from './check.ts'
import { nextEtag, type Twin } from './document.ts'
import type { TwinSection } from './json.ts'
import { checkBytes } from './limits.ts'
import { mergeSection } from './merge.ts'
import { twinProfiles } from './profiles.ts'
import { expect } from './update.ts'

/** The twin after a merge patch of its tags, null for none at all. Devices see neither tags nor a version of them: only the etag changes. */
export function applyTags(twin: Twin, patch: TwinSection | null, { etag }: { etag?: string } = {}): Twin {
  const tags = patch ? mergeSection(twin.tags, checkedPatch(patch, 'tags')) : {}
  const next = { ...twin, tags, etag: nextEtag(twin) }
  checkBytes(twin, next, twinProfiles.plain)
  expect(twin, { ...(etag !== undefined && { etag }) })
  return next
}
