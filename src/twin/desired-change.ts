import { isDeepStrictEqual } from 'node:util'
import { checkedSection, type Stamp, stampOf, type Twin, twinLimits } from './twin.ts'

/** The twin with other desired properties, of which only those that differ get a new stamp; itself if none does. TWIN_INVALID, TWIN_LIMIT. */
export function withDesired(twin: Twin, desired: unknown, now: number): Twin {
  const next = checkedSection(desired, 'desired', twinLimits.sectionBytes)
  if (isDeepStrictEqual(next, twin.desired)) return twin
  const desiredVersion = twin.desiredVersion + 1
  return {
    ...twin,
    desired: next,
    meta: {
      ...twin.meta,
      desired: restamped({ before: twin.desired, after: next, old: twin.meta.desired, now, v: desiredVersion }),
    },
    version: twin.version + 1,
    desiredVersion,
    etag: String(Number(twin.etag) + 1),
    exists: true,
  }
}

function restamped(o: { before: unknown; after: unknown; old: Stamp | undefined; now: number; v: number }): Stamp {
  const { before, after, old, now, v } = o
  if (old && isDeepStrictEqual(before, after)) return old
  if (!isObject(after)) return stampOf(after, now, v)
  const was = isObject(before) ? before : {}
  const of = Object.entries(after).map(([key, value]) => {
    return [key, restamped({ before: was[key], after: value, old: old?.of?.[key], now, v })] as const
  })
  return { t: now, v, of: Object.fromEntries(of) }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
