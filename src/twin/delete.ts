import { LoomError } from '../errors.ts'
import { nextEtag, type TwinDocument } from './document.ts'
import { withGone } from './gone.ts'
import { type ExpectedVersions, expect } from './update.ts'

/**
 * The document without its sections, as AWS deletes a shadow: no shadow exists then, and its `version` stays and goes on with the next update; it is never forgotten. The
 * sections' versions grow, for those who only see an emptied twin. TWIN_NOT_FOUND, TWIN_VERSION_CONFLICT.
 */
export function deleteDocument<T extends TwinDocument>(doc: T, { now, ...expected }: ExpectedVersions & { now: number }): T {
  if (!doc.exists) throw new LoomError('TWIN_NOT_FOUND')
  expect(doc, expected)
  const desiredVersion = doc.desiredVersion + 1
  const reportedVersion = doc.reportedVersion + 1
  const after = {
    ...doc,
    desired: {},
    reported: {},
    meta: { desired: { t: now, v: desiredVersion, of: {} }, reported: { t: now, v: reportedVersion, of: {} } },
    desiredVersion,
    reportedVersion,
    etag: nextEtag(doc),
    exists: false,
  }
  return withGone(after, doc.desired)
}
