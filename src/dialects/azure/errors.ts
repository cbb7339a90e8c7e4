import { codes, type ErrorCode } from '../../errors.ts'

/** Project status -> [topic status, errorCode]. Device SDKs know 400, 412, 413, 429 and 500 on the topic only. */
const forms: Readonly<Record<number, readonly [number, number]>> = {
  400: [400, 400004],
  401: [400, 401003],
  403: [400, 403002],
  404: [400, 404001],
  409: [412, 412001],
  410: [400, 404001],
  412: [412, 412002],
  413: [413, 413001],
  429: [429, 429001],
}
const internal = [500, 500001] as const

/** DPS: the topic status says whether the SDK gives up (below 429) or repeats without end (429, 5xx), so 4xx where nothing will change. */
const dpsForms: Readonly<Record<number, readonly [number, number]>> = {
  400: [400, 400004],
  401: [401, 401002],
  403: [401, 401002],
  404: [404, 404201],
  409: [400, 400004],
  413: [400, 400004],
  429: [429, 429001],
  501: [400, 400004],
}

export const twinForm = (code: ErrorCode): readonly [number, number] => forms[codes[code][0]] ?? internal
export const dpsForm = (code: ErrorCode): readonly [number, number] => dpsForms[codes[code][0]] ?? internal

/** The only body an SDK takes for an error: without a truthy `errorCode` it counts as success, non-JSON kills the process. */
export const errorBody = (errorCode: number, message: string, rid: string, now: number): string =>
  JSON.stringify({ errorCode, message, trackingId: `${now.toString(16)}-${rid}`, timestampUtc: new Date(now).toISOString() })
