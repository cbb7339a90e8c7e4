import type { TwinSection } from '../twin/json.ts'

/** A twin as people and flows see it. */
export interface TwinView {
  device: string
  /** `''` for the main one */
  name: string
  desired: TwinSection
  reported: TwinSection
  /** what is desired and not reported; absent: nothing */
  delta?: TwinSection
  /** the device's own, with the main twin; named ones have none */
  tags?: TwinSection
  /** +1 per accepted change of desired or reported, from 0 */
  version: number
  /** of the sections, from 1 */
  desiredVersion: number
  reportedVersion: number
  /** a device of AWS's dialect sees it */
  exists: boolean
  /** when each member was changed last, if asked for: the tree of the section, `$at` (epoch ms) and `$version` (of the section) in it */
  metadata?: { desired: TwinMetadata; reported: TwinMetadata }
  /** changes with every write */
  etag: string
}

export interface TwinMetadata {
  $at: number
  $version: number
  [member: string]: TwinMetadata | number
}

export interface TwinChanging {
  id: string
  /** default the main twin */
  name?: string
  /** as the twin was read: TWIN_VERSION_CONFLICT if it is another one now */
  etag?: string
  version?: number
  by?: string
}

/**
 * Twins of devices: whatever dialect a device speaks, and whether it is connected or not. Resolves when the change is on disk. IDENTITY_NOT_FOUND, IDENTITY_RETIRED,
 * TWIN_NOT_FOUND, TWIN_INVALID, TWIN_LIMIT, TWIN_VERSION_CONFLICT.
 */
export interface TwinsApi {
  get(o: { id: string; name?: string; metadata?: boolean }): Promise<TwinView>
  /** The main one first. */
  list(o: { id: string }): Promise<{ items: TwinView[] }>
  /** Merge patches (RFC 7396): null removes a member, null for a section all of it. Tags belong to the main twin. */
  patch(o: TwinChanging & { desired?: TwinSection | null; tags?: TwinSection | null }): Promise<TwinView>
  /** What is given replaces what is there; devices get the patch that makes theirs equal. */
  replace(o: TwinChanging & { desired?: TwinSection; tags?: TwinSection }): Promise<TwinView>
  /** Patches of `reported` in the name of a device, by who may act for it. */
  report(o: TwinChanging & { reported: TwinSection | null }): Promise<TwinView>
  /** As AWS deletes a shadow: its sections are empty, its version goes on. */
  delete(o: TwinChanging): Promise<void>
}
