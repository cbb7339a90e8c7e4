import { deltaOf } from './diff.ts'
import type { TwinDocument } from './document.ts'
import { patchBetween } from './merge.ts'
import { stampOf } from './stamp.ts'
import type { Accepted, TwinUpdate } from './update.ts'

/** What is told of a change that was made as a whole: the patches that would have made it. Undefined if no value differs. */
export function updateBetween<T extends TwinDocument>(before: T | undefined, after: T): TwinUpdate<T> | undefined {
  const accepted: Accepted = { state: {}, meta: {} }
  for (const section of ['desired', 'reported'] as const) {
    const patch = patchBetween(before?.[section] ?? {}, after[section])
    if (!Object.keys(patch).length) continue
    accepted.state[section] = patch
    accepted.meta[section] = stampOf(patch, after.meta[section].t, after.meta[section].v)
  }
  const { desired, reported } = accepted.state
  if (!desired && !reported) return undefined
  return {
    doc: after,
    accepted,
    delta: deltaOf(after),
    documents: { ...(before?.exists && { previous: before }), current: after },
    changed: { desired: desired !== undefined, reported: reported !== undefined },
  }
}
