import { LoomError } from '../errors.ts'

/** The main twin: Azure's device twin, AWS's classic shadow, the twin of plain devices. */
export const mainTwin = ''

/** AWS's classic shadow where `mainShadow` names another one as the main twin. No dialect can say this name. */
const classicBeside = '~classic'
const modulePrefix = 'module:'
const SHADOW = /^[$A-Za-z0-9:_-]{1,64}$/
const MODULE = /^module:[^\s/+#|]{1,128}$/
const PLAIN = /^[A-Za-z0-9_.-]{1,64}$/

/** The key a twin is stored under. */
export const twinId = (deviceId: string, name: string = mainTwin): string => `${deviceId}|${name}`

/** The twin that AWS calls by this shadow name, undefined for the classic shadow. TWIN_INVALID for a name that is none, or a module's. */
export function nameOfShadow(shadow: string | undefined, mainShadow?: string): string {
  if (shadow === undefined) return mainShadow === undefined ? mainTwin : classicBeside
  if (shadow === mainShadow) return mainTwin
  // Modules are identities of their own: a device must not write their twins by a shadow's name
  if (!SHADOW.test(shadow) || shadow.startsWith(modulePrefix)) throw badName(shadow, 'A-Z a-z 0-9 : _ $ -, not module:')
  return shadow
}

/** The name AWS has for a twin: undefined for the classic shadow, null if it has none (a module's twin, a plain name with a dot). */
export function shadowOfName(name: string, mainShadow?: string): string | undefined | null {
  if (name === mainTwin) return mainShadow
  if (name === classicBeside) return undefined
  return SHADOW.test(name) && !name.startsWith(modulePrefix) ? name : null
}

/** The twin plain devices call by this name; undefined and `''` for the main one. TWIN_INVALID. */
export function nameOfPlain(name: string | undefined): string {
  if (name === undefined || name === mainTwin) return mainTwin
  if (!PLAIN.test(name)) throw badName(name, 'A-Z a-z 0-9 _ . -')
  return name
}

/** A twin by the name it has here, whatever dialects may call it: for flows and the admin API. TWIN_INVALID. */
export function nameOfTwin(name: string | undefined): string {
  if (name === undefined || name === mainTwin) return mainTwin
  if (!SHADOW.test(name) && !PLAIN.test(name) && !MODULE.test(name)) throw badName(name, 'A-Z a-z 0-9 : _ $ . -')
  return name
}

/** The twin of an Azure module identity. */
export const nameOfModule = (module: string): string => `${modulePrefix}${module}`

const badName = (name: string, allowed: string): LoomError =>
  new LoomError('TWIN_INVALID', `twin name ${JSON.stringify(name.slice(0, 64))}`, { hint: `1 to 64 of ${allowed}` })
