import { LoomError } from '../../errors.ts'

// SQLite result codes, https://www.sqlite.org/rescode.html
const readOnly = 8
const ioError = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const notADatabase = 26
const shortRead = 522
/** The index of the write-ahead file could not grow: there is no other reason than a full volume. */
const sharedMemorySize = 4874

/** What a driver or file call threw, as the LoomError its callers decide on; `position` of JOURNAL_CORRUPT is the segment's first seq. */
export function journalFailure(thrown: unknown, file: string, firstSeq?: number): LoomError {
  if (thrown instanceof LoomError) return thrown
  const { errcode, code, message } = thrown as { errcode?: number; code?: string; message?: string }
  const detail = `${file}: ${message ?? String(thrown)}`
  if (isFull(errcode, code))
    return new LoomError('JOURNAL_FULL', detail, { cause: thrown, hint: 'free space on the volume of the data folder' })
  if (isDamage(errcode))
    return new LoomError('JOURNAL_CORRUPT', detail, { cause: thrown, ...(firstSeq !== undefined && { position: firstSeq }) })
  const primary = errcode === undefined ? undefined : errcode & 0xff
  if (primary === readOnly || primary === cannotOpen || code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return new LoomError('STORE_READ_ONLY', detail, { cause: thrown, hint: 'check owner and permissions of the data folder' })
  return new LoomError('JOURNAL_FAILED', primary === ioError ? `${detail} (input/output error)` : detail, { cause: thrown })
}

const isFull = (errcode: number | undefined, code: string | undefined): boolean =>
  (errcode !== undefined && (errcode & 0xff) === full) || errcode === sharedMemorySize || code === 'ENOSPC' || code === 'EDQUOT'

const isDamage = (errcode: number | undefined): boolean =>
  errcode !== undefined && ((errcode & 0xff) === corrupt || (errcode & 0xff) === notADatabase || errcode === shortRead)
