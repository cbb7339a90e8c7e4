import { LoomError } from '../../errors.ts'

export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined)

/** A title in one language: the text itself, English, or the first one there is. */
export const wordsOf = (value: unknown): string | undefined =>
  textOf(isObject(value) ? (value.en ?? Object.values(value)[0]) : value)?.slice(0, 200)

/** `path` is the place in the document, as in `contents[2].schema`. */
export const modelInvalid = (path: string, why: string, hint?: string): LoomError =>
  new LoomError('MODEL_INVALID', path ? `${path.slice(0, 160)}: ${why}` : why, {
    position: path.slice(0, 200),
    ...(hint !== undefined && { hint }),
  })

export const at = (path: string, key: string | number): string =>
  typeof key === 'number' ? `${path}[${key}]` : path ? `${path}.${key.slice(0, 64)}` : key.slice(0, 64)

export function objectAt(value: unknown, path: string): Json {
  if (isObject(value)) return value
  throw modelInvalid(path, 'it must be an object')
}

/** Members of an object that may be absent. */
export const membersAt = (value: unknown, path: string): [string, unknown][] =>
  value === undefined ? [] : Object.entries(objectAt(value, path))

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it keeps out
const names = /^[^\s$\u0000-\u001f\u007f-\u009f.#+/*][^\u0000-\u001f\u007f-\u009f.*]{0,127}$/

/** A name that a twin and a reading can have. */
export function nameAt(name: unknown, path: string): string {
  if (typeof name === 'string' && name !== '__proto__' && name.isWellFormed() && names.test(name)) return name
  throw modelInvalid(
    path,
    `name ${JSON.stringify(String(name).slice(0, 60))}`,
    '1 to 128 characters, no . or *, no $ at its start',
  )
}
