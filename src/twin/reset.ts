import { checkedSection } from './check.ts'
import { deleteDocument } from './delete.ts'
import { nextEtag, type TwinDocument } from './document.ts'
import { withGone } from './gone.ts'
import { patchBetween } from './merge.ts'
import { stampOf } from './stamp.ts'

/**
 * The document for a device that begins anew: these desired properties, nothing reported. Its versions go on, so that nobody who saw it before takes what follows for
 * old; without desired properties it is as after a deletion. Itself if nothing is to be changed. TWIN_INVALID, TWIN_LIMIT.
 */
export function resetDocument<T extends TwinDocument>(before: T, { desired: wanted, now }: { desired: unknown; now: number }): T {
  const desired = checkedSection(wanted, 'desired')
  if (!Object.keys(desired).length) return before.exists ? deleteDocument(before, { now }) : before
  const reports = Object.keys(before.reported).length > 0
  if (!reports && !Object.keys(patchBetween(before.desired, desired)).length) return before
  const desiredVersion = before.desiredVersion + 1
  const reportedVersion = before.reportedVersion + (reports ? 1 : 0)
  const after = {
    ...before,
    desired,
    reported: {},
    meta: {
      desired: stampOf(desired, now, desiredVersion),
      reported: reports ? { t: now, v: reportedVersion, of: {} } : before.meta.reported,
    },
    version: before.version + 1,
    desiredVersion,
    reportedVersion,
    etag: nextEtag(before),
    exists: true,
  }
  return withGone(after, before.desired)
}
