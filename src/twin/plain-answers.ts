import { codes, LoomError } from '../errors.ts'
import { diff } from './diff.ts'
import type { TwinDocument } from './document.ts'

const statuses: ReadonlySet<number> = new Set([400, 403, 404, 409, 413, 429])

/** The answer to `get`; `delta` is `{}` when reported is as desired. */
export const toPlainTwin = ({ desired, reported, desiredVersion, reportedVersion }: TwinDocument) => ({
  status: 200,
  desired,
  reported,
  delta: diff(desired, reported) ?? {},
  desiredVersion,
  reportedVersion,
})

/** The answer to `report`. */
export const toPlainReported = ({ reportedVersion }: TwinDocument) => ({ status: 200, reportedVersion })

/** The answer to either that failed. Of a failure inside nothing is said. */
export function toPlainError(thrown: unknown): { status: number; code: string; message: string } {
  if (!(thrown instanceof LoomError)) return { status: 500, code: 'NODE_FAULT', message: codes.NODE_FAULT[1] }
  const status = codes[thrown.code][0]
  return { status: statuses.has(status) ? status : 500, code: thrown.code, message: thrown.message }
}
