import { isSection, own, type TwinSection } from './json.ts'

/** When and at which section version a member last changed; `of`: its members, if it is an object. An array is one leaf. */
export interface Stamp {
  /** epoch ms */
  t: number
  v: number
  of?: Record<string, Stamp>
}

/** Of a value that is new as a whole. */
export function stampOf(value: unknown, t: number, v: number): Stamp {
  return freshStamp(value, { t, v })
}

function freshStamp(value: unknown, at: Stamp): Stamp {
  if (!isSection(value)) return at
  const of: Record<string, Stamp> = {}
  for (const key of Object.keys(value)) of[key] = freshStamp(value[key], at)
  return { t: at.t, v: at.v, of }
}

/** The stamps after a patch: all that it touched, also where the value was the same already, and the objects above. */
export function mergeStamp(old: Stamp | undefined, patch: TwinSection, at: Stamp): Stamp {
  const of = { ...old?.of }
  for (const key of Object.keys(patch)) {
    const next = patch[key]
    if (next === null) delete of[key]
    else of[key] = isSection(next) ? mergeStamp(own(of, key), next, at) : at
  }
  return { t: at.t, v: at.v, of }
}

/** The stamps of those members that are in `state`, a part of the section that `stamp` belongs to. */
export function stampsOf(state: TwinSection, stamp: Stamp): Stamp {
  const of: Record<string, Stamp> = {}
  for (const key of Object.keys(state)) {
    const value = state[key]
    const found = own(stamp.of, key) ?? { t: stamp.t, v: stamp.v }
    of[key] = isSection(value) && found.of ? stampsOf(value, found) : found
  }
  return { t: stamp.t, v: stamp.v, of }
}
