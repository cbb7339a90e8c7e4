import type { TwinDocument } from './document.ts'
import type { TwinSection } from './json.ts'
import { patchBetween } from './merge.ts'

/** What a flow is told of a change of one section of a twin. A patch that changed no value is no event. */
export interface TwinEvent {
  /** `''`: the main twin */
  name: string
  section: 'desired' | 'reported' | 'tags'
  /** a merge patch (RFC 7396) from `before` to `after`, nulls for what is gone */
  patch: TwinSection
  before: TwinSection
  after: TwinSection
  /** of the twin; 0 and 0 for tags, which have none */
  version: number
  sectionVersion: number
  /** the twin was deleted */
  deleted?: true
  /** `device pump-1`, `user anna`, .. */
  by: string
  /** epoch ms */
  at: number
}

/** The events of a change, one for each section whose values are others now. Without `before` there was no twin. */
export function twinEvents(
  before: TwinDocument | undefined,
  after: TwinDocument,
  { name, by, at }: { name: string; by: string; at: number },
): TwinEvent[] {
  const events: TwinEvent[] = []
  for (const section of ['desired', 'reported'] as const) {
    const was = before?.[section] ?? {}
    const is = after[section]
    if (was === is) continue
    const patch = patchBetween(was, is)
    if (!Object.keys(patch).length) continue
    const { version } = after
    const sectionVersion = after[`${section}Version`]
    const deleted = before?.exists === true && !after.exists
    events.push({ name, section, patch, before: was, after: is, version, sectionVersion, ...(deleted && { deleted }), by, at })
  }
  return events
}

/** The event of other tags of the device, or none. */
export function tagsEvents(before: TwinSection, after: TwinSection, { by, at }: { by: string; at: number }): TwinEvent[] {
  const patch = patchBetween(before, after)
  if (!Object.keys(patch).length) return []
  return [{ name: '', section: 'tags', patch, before, after, version: 0, sectionVersion: 0, by, at }]
}
