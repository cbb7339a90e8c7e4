import type { Twin } from './document.ts'
import { isSection, own, type TwinSection } from './json.ts'
import { type Stamp, stampOf } from './stamp.ts'

/** The version of a member; of an object whose members differ from it `{'': its own, ..: theirs}`. */
type PackedVersions = number | { [key: string]: PackedVersions }

/** Stamps of a section: a version has one time. */
export interface PackedStamps {
  versions: PackedVersions
  /** version -> epoch ms */
  times: Record<string, number>
}

/** A twin as it is best stored. Stamps in full are several times larger than what they are about, and a store limits its documents. */
export interface StoredTwin extends Omit<Twin, 'meta'> {
  meta: { desired: PackedStamps; reported: PackedStamps }
}

export const packTwin = ({ meta, ...twin }: Twin): StoredTwin => ({
  ...twin,
  meta: { desired: packStamps(meta.desired), reported: packStamps(meta.reported) },
})

/** Takes twins stored with their stamps in full as well. Shares the sections with what it is given. */
export function unpackTwin({ meta, ...twin }: StoredTwin | Twin): Twin {
  const { desired, reported } = meta
  return { ...twin, meta: { desired: stampsOf(twin.desired, desired), reported: stampsOf(twin.reported, reported) } }
}

const stampsOf = (section: TwinSection, meta: Stamp | PackedStamps): Stamp =>
  'versions' in meta ? unpacked(section, meta.versions, meta.times) : meta

function packStamps(stamp: Stamp): PackedStamps {
  const times: Record<string, number> = {}
  return { versions: packed(stamp, times), times }
}

function packed(stamp: Stamp, times: Record<string, number>): PackedVersions {
  if (times[stamp.v] === undefined) times[stamp.v] = stamp.t
  let node: { [key: string]: PackedVersions } | undefined
  const of = stamp.of ?? {}
  for (const key of Object.keys(of)) {
    const versions = packed(of[key]!, times)
    if (versions === stamp.v) continue
    node ??= { '': stamp.v }
    node[key] = versions
  }
  return node ?? stamp.v
}

function unpacked(value: unknown, versions: PackedVersions, times: Record<string, number>): Stamp {
  if (typeof versions === 'number') return stampOf(value, times[versions]!, versions)
  const v = versions[''] as number
  const of: Record<string, Stamp> = {}
  // An object with packed members is one in the section too
  if (isSection(value)) for (const key of Object.keys(value)) of[key] = unpacked(value[key], own(versions, key) ?? v, times)
  return { t: times[v]!, v, of }
}
