import { codes, LoomError } from '../errors.ts'
import { checkedPatch } from './check.ts'
import { isSection, type TwinSection } from './json.ts'
import type { TwinProfile } from './profiles.ts'
import { readJson, textOf } from './read-json.ts'
import type { TwinPatch } from './update.ts'

export interface ShadowRequest {
  /** the document's version, as the client takes it for current */
  version?: number
  /** to be echoed in each answer */
  clientToken?: string
}

const tokenBytes = 64
const sections = ['desired', 'reported'] as const

/** `{state, version?, clientToken?}`, refused in the order and with the texts of AWS's service. */
export function readShadowUpdate(bytes: Uint8Array, profile: TwinProfile): ShadowRequest & { patch: TwinPatch } {
  const request = readRequest(bytes, profile)
  const clientToken = clientTokenOf(request)
  const state = stateOf(request)
  const version = versionOf(request)
  const patch: TwinPatch = {}
  for (const section of sections) {
    const part = state[section]
    if (part !== undefined) patch[section] = isSection(part) ? partOf(part, section, profile) : null
  }
  return { patch, ...version, ...clientToken }
}

/** The body of a get or delete: nothing, blanks, or `{version?, clientToken?}`. TWIN_INVALID. */
export function readShadowRequest(bytes: Uint8Array, profile: TwinProfile): ShadowRequest {
  if (textIn(bytes, profile).trim() === '') return {}
  const request = readRequest(bytes, profile)
  return { ...clientTokenOf(request), ...versionOf(request) }
}

function readRequest(bytes: Uint8Array, profile: TwinProfile): TwinSection {
  const text = textIn(bytes, profile)
  let value: unknown
  try {
    value = readJson(text)
  } catch (cause) {
    throw isLimit(cause) ? nested(profile) : refused('Invalid JSON')
  }
  if (!isSection(value)) throw refused('Invalid JSON')
  return value
}

function textIn(bytes: Uint8Array, profile: TwinProfile): string {
  try {
    return textOf(bytes, profile.requestBytes)
  } catch (cause) {
    throw isLimit(cause) ? cause : new LoomError('REQUEST_TYPE', 'a shadow document is UTF-8')
  }
}

function clientTokenOf({ clientToken }: TwinSection): { clientToken?: string } {
  if (clientToken === undefined || clientToken === null) return {}
  if (typeof clientToken !== 'string' || Buffer.byteLength(clientToken) > tokenBytes) throw refused('Invalid clientToken')
  return { clientToken }
}

function versionOf({ version }: TwinSection): { version?: number } {
  if (version === undefined || version === null) return {}
  if (!Number.isSafeInteger(version) || (version as number) < 0) throw refused('Invalid version')
  return { version: version as number }
}

function stateOf({ state }: TwinSection): TwinSection {
  if (state === undefined) throw refused('Missing required node: state')
  if (!isSection(state)) throw refused('State node must be an object')
  for (const section of sections) {
    const part = state[section]
    if (part === undefined || part === null || isSection(part)) continue
    throw refused(`${section === 'desired' ? 'Desired' : 'Reported'} node must be an object`)
  }
  const other = Object.keys(state).find(key => key !== 'desired' && key !== 'reported')
  if (other === undefined) return state
  throw new LoomError('TWIN_INVALID', `state.${other.slice(0, 60)}`, {
    hint: 'a state has desired and reported',
    position: other,
  })
}

/** Too many levels are a bad request there, not one too large. */
function partOf(part: TwinSection, section: string, profile: TwinProfile): TwinSection {
  if (isTooDeep(part, profile.depth)) throw nested(profile)
  return checkedPatch(part, section, profile)
}

function isTooDeep(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels < 0 || Object.values(value).some(member => isTooDeep(member, levels - 1))
}

const isLimit = (thrown: unknown): boolean => thrown instanceof LoomError && thrown.code === 'TWIN_LIMIT'

const nested = ({ depth }: TwinProfile): LoomError => refused(`JSON contains too many levels of nesting; maximum is ${depth}`)

const refused = (text: string): LoomError => new LoomError('TWIN_INVALID', text)

/** What AWS's service would say, or undefined if the error is not of a request's content. */
export function shadowTextOf({ code, message, position }: LoomError): string | undefined {
  if (code !== 'TWIN_INVALID') return undefined
  const detail = message.slice(codes.TWIN_INVALID[1].length + ': '.length)
  return position === undefined ? detail : `State contains an invalid node: '${position}'`
}
