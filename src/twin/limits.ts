import { checkedPatch, tooLarge } from './check.ts'
import type { TwinSection } from './json.ts'
import type { TwinProfile } from './profiles.ts'
import { sectionBytes } from './size.ts'

interface Sections {
  desired: TwinSection
  reported: TwinSection
  tags?: TwinSection
}

/** Throws unless all of a document is what the profile takes: TWIN_INVALID for a key or value, TWIN_LIMIT for bytes and levels; `position` is the path. */
export function checkLimits(doc: Sections, profile: TwinProfile): void {
  for (const section of ['desired', 'reported', 'tags'] as const) if (doc[section]) checkedPatch(doc[section], section, profile)
  checkBytes({ desired: {}, reported: {} }, doc, profile)
}

/** TWIN_LIMIT if a change makes a document larger than allowed. What does not enlarge it passes: it must stay possible to make a document smaller. */
export function checkBytes(before: Sections, after: Sections, profile: TwinProfile): void {
  for (const section of ['desired', 'reported', 'tags'] as const) {
    const now = after[section]
    if (!now || now === before[section]) continue
    const most = section === 'tags' ? profile.tagsBytes : profile.sectionBytes
    const bytes = sectionBytes(now, profile)
    if (bytes > most && bytes > sectionBytes(before[section] ?? {}, profile)) throw tooLarge(section, bytes, most)
  }
  const { documentBytes } = profile
  if (documentBytes === undefined || (before.desired === after.desired && before.reported === after.reported)) return
  const bytes = documentSize(after, profile)
  if (bytes > documentBytes && bytes > documentSize(before, profile))
    throw tooLarge('desired and reported together', bytes, documentBytes)
}

const documentSize = ({ desired, reported }: Sections, profile: TwinProfile): number =>
  sectionBytes(desired, profile) + sectionBytes(reported, profile)
