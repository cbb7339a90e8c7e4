import { errorData, LoomError } from '../../errors.ts'
import type { JsonForm } from './route.ts'

/** What clients of schema registries send and expect, by the version that all of them know. */
const mediaType = 'application/vnd.schemaregistry.v1+json'

/** A failure with one of the numbers that such clients know. */
export class RegistryFault extends LoomError {
  readonly number: number

  constructor(number: 40401 | 40402 | 40403 | 40408 | 42202, detail: string) {
    super(number === 42202 ? 'REQUEST_INVALID' : 'SCHEMA_NOT_FOUND', detail)
    this.number = number
  }
}

/** `{error_code, message}`: three digits are the HTTP status, five begin with it. */
function numberOf(thrown: unknown): number {
  if (thrown instanceof RegistryFault) return thrown.number
  if (!(thrown instanceof LoomError)) return 50001
  switch (thrown.code) {
    case 'SCHEMA_INVALID':
      return thrown.position === 'compatibility' ? 42203 : 42201
    case 'SCHEMA_LIMIT':
    case 'CODEC_UNAVAILABLE':
      return 42201
    case 'SCHEMA_NOT_FOUND':
      return thrown.position === 'subject' ? 40401 : thrown.position === 'version' ? 40402 : 40403
    case 'SCHEMA_DELETED':
      return thrown.position === 'subject' ? 40404 : 40406
    case 'SCHEMA_NOT_DELETED':
      return thrown.position === 'subject' ? 40405 : 40407
    case 'SCHEMA_REFERENCED':
      return 42206
    default:
      return thrown.status
  }
}

export const registryForm: JsonForm = {
  root: '/thingloom/{hub}/registry',
  mediaType,
  types: [mediaType, 'application/vnd.schemaregistry+json', 'application/octet-stream'],
  failure(thrown) {
    const number = numberOf(thrown)
    const status = number > 999 ? Math.floor(number / 100) : number
    return { status, body: { error_code: number, message: errorData(thrown).message } }
  },
}
