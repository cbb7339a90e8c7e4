import { LoomError } from '../errors.ts'
import { checkedPatch } from './check.ts'
import { type Delta, deltaOf } from './diff.ts'
import { nextEtag, noDocument, type TwinDocument } from './document.ts'
import { withGone } from './gone.ts'
import type { TwinSection } from './json.ts'
import { checkBytes } from './limits.ts'
import { mergeSection } from './merge.ts'
import { type TwinProfile, twinProfiles } from './profiles.ts'
import { mergeStamp, type Stamp, stampOf } from './stamp.ts'

/** Merge patches (RFC 7396) of the sections; null removes a section's members all. */
export interface TwinPatch {
  desired?: TwinSection | null
  reported?: TwinSection | null
}

/** What a caller takes for current; TWIN_VERSION_CONFLICT unless it is. */
export interface ExpectedVersions {
  version?: number
  desiredVersion?: number
  reportedVersion?: number
  etag?: string
}

export interface UpdateOptions extends ExpectedVersions {
  /** epoch ms */
  now: number
  /** `twinProfiles.plain` if absent */
  profile?: TwinProfile
}

/** What an update touched: the patch, nulls included, and its stamps. */
export interface Accepted {
  state: TwinPatch
  meta: { desired?: Stamp; reported?: Stamp }
}

export interface TwinUpdate<T extends TwinDocument = TwinDocument> {
  doc: T
  accepted: Accepted
  /** desired unlike reported, after the update; undefined if nothing is */
  delta: Delta | undefined
  /** no `previous` if the document did not exist before */
  documents: { previous?: T; current: T }
  /** whether values differ now; versions grow in any case */
  changed: { desired: boolean; reported: boolean }
}

const sections = ['desired', 'reported'] as const

/**
 * The document after a patch, and all that is told about it. The input stays as it is; the results share with it, and with each other, what did not change: treat them as
 * immutable. Undefined: there is no document yet. In this order: TWIN_INVALID, TWIN_LIMIT (levels, then bytes), TWIN_VERSION_CONFLICT.
 */
export function applyUpdate<T extends TwinDocument>(doc: T, patch: TwinPatch, o: UpdateOptions): TwinUpdate<T>
export function applyUpdate(doc: TwinDocument | undefined, patch: TwinPatch, o: UpdateOptions): TwinUpdate
export function applyUpdate(found: TwinDocument | undefined, patch: TwinPatch, o: UpdateOptions): TwinUpdate {
  const { now, profile = twinProfiles.plain } = o
  const before = found ?? noDocument(now)
  let doc: TwinDocument = { ...before, meta: { ...before.meta } }
  const accepted: Accepted = { state: {}, meta: {} }
  for (const section of sections) {
    const part = patch[section]
    if (part === undefined) continue
    const checked = part === null ? null : checkedPatch(part, section, profile)
    change(doc, section, checked, now)
    accepted.state[section] = checked
    if (checked) accepted.meta[section] = stampOf(checked, now, doc[`${section}Version`])
  }
  checkBytes(before, doc, profile)
  expect(before, o)
  doc = withGone(doc, before.desired)
  doc.version++
  doc.etag = nextEtag(before)
  doc.exists = true
  return {
    doc,
    accepted,
    delta: deltaOf(doc),
    documents: { ...(before.exists && { previous: before }), current: doc },
    changed: { desired: doc.desired !== before.desired, reported: doc.reported !== before.reported },
  }
}

function change(doc: TwinDocument, section: 'desired' | 'reported', patch: TwinSection | null, t: number): void {
  const v = ++doc[`${section}Version`]
  if (patch) {
    doc[section] = mergeSection(doc[section], patch)
    doc.meta[section] = mergeStamp(doc.meta[section], patch, { t, v })
    return
  }
  if (Object.keys(doc[section]).length > 0) doc[section] = {}
  doc.meta[section] = { t, v, of: {} }
}

/** TWIN_VERSION_CONFLICT unless all that is expected is current. */
export function expect(doc: TwinDocument, expected: ExpectedVersions): void {
  for (const name of ['version', 'desiredVersion', 'reportedVersion', 'etag'] as const) {
    const wanted = expected[name]
    if (wanted === undefined || wanted === doc[name]) continue
    throw new LoomError('TWIN_VERSION_CONFLICT', `${name} ${String(wanted).slice(0, 40)} is expected, ${doc[name]} is current`, {
      hint: 'read the twin and try again',
    })
  }
}
