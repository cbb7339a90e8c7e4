import { checkedSection } from './check.ts'
import type { Gone } from './gone.ts'
import type { TwinSection } from './json.ts'
import { type Stamp, stampOf } from './stamp.ts'

/** What desired and reported are, and how often they changed. */
export interface TwinDocument {
  desired: TwinSection
  reported: TwinSection
  meta: { desired: Stamp; reported: Stamp }
  /** +1 per accepted change of desired or reported, from 0 */
  version: number
  /** of the sections, +1 per change of each, from 1 */
  desiredVersion: number
  reportedVersion: number
  /** changes with every write, tags included */
  etag: string
  /** AWS devices see it: something was desired or reported since it was last deleted */
  exists: boolean
  /** what was desired once; absent: nothing else was. Of no interest to who reads the whole twin. */
  gone?: Gone
}

/** One twin of a device as it is stored; `name` is `''` for the main one. */
export interface Twin extends TwinDocument {
  deviceId: string
  name: string
  tags: TwinSection
}

/** The twin a device starts with. Initial desired properties count as the first change. TWIN_INVALID, TWIN_LIMIT. */
export function newTwin(o: { deviceId: string; name?: string; desired?: TwinSection; tags?: TwinSection; now: number }): Twin {
  const { deviceId, name = '', now } = o
  const desired = checkedSection(o.desired ?? {}, 'desired')
  const tags = checkedSection(o.tags ?? {}, 'tags')
  const changed = Object.keys(desired).length > 0
  const desiredVersion = changed ? 2 : 1
  return {
    deviceId,
    name,
    desired,
    reported: {},
    tags,
    meta: { desired: stampOf(desired, now, desiredVersion), reported: { t: now, v: 1, of: {} } },
    version: changed ? 1 : 0,
    desiredVersion,
    reportedVersion: 1,
    etag: '1',
    exists: changed,
  }
}

/** Where no twin is yet: what the first update changes. */
export const noDocument = (now: number): TwinDocument => ({
  desired: {},
  reported: {},
  meta: { desired: { t: now, v: 1, of: {} }, reported: { t: now, v: 1, of: {} } },
  version: 0,
  desiredVersion: 1,
  reportedVersion: 1,
  etag: '0',
  exists: false,
})

export const nextEtag = ({ etag }: { etag: string }): string => String(Number(etag) + 1)
