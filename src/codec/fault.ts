import { LoomError } from '../errors.ts'

/** `at`: offset of the first byte that is wrong. */
export const malformed = (format: string, at: number, why: string, cause?: unknown): LoomError =>
  new LoomError('CODEC_FORMAT', `${format}, byte ${at}: ${why}`, { position: at, ...(cause !== undefined && { cause }) })

/** `at`: how many bytes there are. */
export const truncated = (format: string, at: number): LoomError =>
  new LoomError('CODEC_TRUNCATED', `${format}, after ${at} bytes`, { position: at })

export const beyondLimit = (format: string, at: number, why: string): LoomError =>
  new LoomError('CODEC_LIMIT', `${format}, byte ${at}: ${why}`, { position: at })

/** `path`: where in the value, such as `list[3].name`. */
export const unfit = (format: string, path: string, why: string): LoomError =>
  new LoomError('CODEC_INVALID', `${format}${path && `, ${path.slice(0, 100)}`}: ${why}`, { position: path.slice(0, 100) })
