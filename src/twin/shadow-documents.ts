import { deltaOf } from './diff.ts'
import type { TwinDocument } from './document.ts'
import { isSection, own, type TwinSection } from './json.ts'
import type { Stamp } from './stamp.ts'
import type { TwinUpdate } from './update.ts'

/** When an answer is made, and what the request asked to be echoed. */
export interface AnswerContext {
  /** epoch ms */
  now: number
  clientToken?: string
}

/** AWS's metadata of a value: its own tree, with a time in whole seconds for each leaf and each element of an array. */
export type ShadowMetadata = { timestamp: number } | ShadowMetadata[] | { [key: string]: ShadowMetadata }

interface ShadowState {
  desired?: TwinSection | null
  reported?: TwinSection | null
  delta?: TwinSection
}

interface Closing {
  timestamp: number
  clientToken?: string
}

export interface ShadowDocument {
  state: ShadowState
  metadata: { desired?: ShadowMetadata; reported?: ShadowMetadata }
  version: number
}

/** The whole document, sections that are empty left out. */
export function toAwsShadow({ desired, reported, meta, version }: TwinDocument): ShadowDocument {
  const document: ShadowDocument = { state: {}, metadata: {}, version }
  for (const [name, section] of Object.entries({ desired, reported }) as ['desired' | 'reported', TwinSection][]) {
    if (Object.keys(section).length === 0) continue
    document.state[name] = section
    document.metadata[name] = metadataOf(section, meta[name])
  }
  return document
}

/** `get/accepted`; the delta is in it if there is one. */
export function toAwsGetAccepted(doc: TwinDocument, context: AnswerContext): ShadowDocument & Closing {
  const { state, metadata, version } = toAwsShadow(doc)
  const delta = deltaOf(doc)
  return { state: { ...state, ...(delta && { delta: delta.state }) }, metadata, version, ...closing(context) }
}

/** `update/accepted`: what the request touched and nothing else, nulls as they came. */
export function toAwsUpdateAccepted({ doc, accepted }: TwinUpdate, context: AnswerContext): ShadowDocument & Closing {
  const metadata: ShadowDocument['metadata'] = {}
  for (const name of ['desired', 'reported'] as const) {
    const stamp = accepted.meta[name]
    if (stamp) metadata[name] = metadataOf(accepted.state[name] as TwinSection, stamp)
  }
  return { state: accepted.state, metadata, version: doc.version, ...closing(context) }
}

/** `update/delta`, or undefined if there is nothing to tell; `delta` saves finding it again. */
export function toAwsDelta(doc: TwinDocument, context: AnswerContext, delta = deltaOf(doc)) {
  if (!delta) return undefined
  const { timestamp, ...token } = closing(context)
  return { version: doc.version, timestamp, state: delta.state, metadata: metadataOf(delta.state, delta.meta), ...token }
}

/** `update/documents`; no `previous` when the update made the shadow. */
export function toAwsDocuments({ documents: { previous, current } }: TwinUpdate, context: AnswerContext) {
  return { ...(previous && { previous: toAwsShadow(previous) }), current: toAwsShadow(current), ...closing(context) }
}

/** `delete/accepted`: the version of the document that was deleted. */
export const toAwsDeleteAccepted = (deleted: { version: number }, context: AnswerContext) => ({
  version: deleted.version,
  ...closing(context),
})

/** Whole seconds, and the client token if there is one. */
export const closing = ({ now, clientToken }: AnswerContext): Closing => ({
  timestamp: Math.floor(now / 1000),
  ...(clientToken !== undefined && { clientToken }),
})

function metadataOf(value: unknown, stamp: Stamp): ShadowMetadata {
  return metadataAt(value, stamp, { timestamp: Math.floor(stamp.t / 1000) })
}

/** `leaf` is the stamp's own, so that a tree of one time makes it once. */
function metadataAt(value: unknown, stamp: Stamp, leaf: { timestamp: number }): ShadowMetadata {
  if (Array.isArray(value)) return value.map(item => metadataAt(item, stamp, leaf))
  if (!isSection(value)) return leaf
  const tree: { [key: string]: ShadowMetadata } = {}
  for (const key of Object.keys(value)) {
    const inner = own(stamp.of, key) ?? stamp
    tree[key] = inner.t === stamp.t ? metadataAt(value[key], inner, leaf) : metadataOf(value[key], inner)
  }
  return tree
}
