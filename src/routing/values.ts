import { base64Of } from './base64.ts'

/** The types of the rule language; Int and Decimal are one. A binary payload is `bytes`. */
export type ValueKind = 'undefined' | 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'bytes'

/** Longer texts are not made, they are Undefined; what leaves the engine is smaller by far. */
export const longestTextChars = 4_194_304

/** Compared pairs after which two values count as different; only values with cycles come that far. */
const mostPairs = 1_000_000

/** What is no value of the language (functions, bigint, numbers that are not finite) counts as undefined. */
export function kindOf(value: unknown): ValueKind {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return Number.isFinite(value) ? 'number' : 'undefined'
    case 'boolean':
      return 'boolean'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? 'array' : isBytes(value) ? 'bytes' : 'object'
    default:
      return 'undefined'
  }
}

/** Also those of another realm, such as the sandbox of a Function node. */
export const isBytes = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array || (ArrayBuffer.isView(value) && (value as Uint8Array)[Symbol.toStringTag] === 'Uint8Array')

/** An object with members: no array, no bytes. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value)

const decimalPattern = /^-?\d+(\.\d+)?([eE]-?\d+)?$/

/** `'1e3'` is a number; `'+1'`, `'.5'`, `' 1'`, `'1E+5'` and `'0x10'` are none. */
export function toDecimal(value: unknown): number | undefined {
  if (typeof value === 'number') return finite(value)
  if (typeof value !== 'string' || !decimalPattern.test(value)) return undefined
  return finite(Number(value))
}

/** Rounds down, also below zero. */
export function toInt(value: unknown): number | undefined {
  const number = toDecimal(value)
  return number === undefined ? undefined : Math.floor(number)
}

export function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string' || value.length > 5) return undefined
  const lower = value.toLowerCase()
  return lower === 'true' ? true : lower === 'false' ? false : undefined
}

/** Numbers in their shortest decimal form without an exponent, arrays and objects as compact JSON, bytes as base64. */
export function toText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return decimalText(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return undefined
      return isBytes(value) ? base64Of(value) : compactJson(value)
    default:
      return undefined
  }
}

/** The shortest digits that read back as the same number, as `0.0000001` and not as `1e-7`. */
export function decimalText(value: number): string | undefined {
  if (!Number.isFinite(value)) return undefined
  const text = String(value)
  const at = text.indexOf('e')
  if (at === -1) return text
  const exponent = Number(text.slice(at + 1))
  const sign = value < 0 ? '-' : ''
  const [whole = '', fraction = ''] = text.slice(sign.length, at).split('.')
  const digits = whole + fraction
  return exponent < 0 ? `${sign}0.${'0'.repeat(-exponent - 1)}${digits}` : sign + digits.padEnd(exponent + 1, '0')
}

/** `undefined` for what JSON cannot hold or what is nested deeper than the stack. */
export function compactJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** The number without a sign on zero; `undefined` if it is not finite. */
export const finite = (value: number): number | undefined => (Number.isFinite(value) ? value + 0 : undefined)

export const shortEnough = (text: string): string | undefined => (text.length > longestTextChars ? undefined : text)

/** Of defined values, without conversion: numbers by value, arrays by order, objects regardless of the order of keys. */
export function deepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object') return false
  // A list instead of recursion: payloads may be nested deeper than the stack.
  const open: unknown[] = [left, right]
  for (let pairs = 0; open.length > 0; pairs++) {
    const b = open.pop()
    const a = open.pop()
    if (a === b) continue
    if (pairs === mostPairs || !sameShape(a, b, open)) return false
  }
  return true
}

/** Whether two values that are not identical can be equal yet; pushes the pairs which decide. */
function sameShape(a: unknown, b: unknown, open: unknown[]): boolean {
  if (Array.isArray(a) || isBytes(a)) {
    if (Array.isArray(a) ? !Array.isArray(b) : !isBytes(b)) return false
    const other = b as ArrayLike<unknown>
    if (a.length !== other.length) return false
    for (let i = a.length - 1; i >= 0; i--) if (a[i] !== other[i]) open.push(a[i], other[i])
    return true
  }
  if (!isObject(a) || !isObject(b)) return false
  const keys = definedKeys(a)
  if (keys.length !== definedKeys(b).length) return false
  for (const key of keys) {
    if (!Object.hasOwn(b, key)) return false
    open.push(a[key], b[key])
  }
  return true
}

/** A member that is Undefined is no member. */
const definedKeys = (object: Record<string, unknown>): string[] => Object.keys(object).filter(key => object[key] !== undefined)

/** An own member of an object, else `undefined`; never what a prototype has. */
export const memberOf = (object: unknown, key: string): unknown =>
  isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined

/** As `memberOf`; if there is none by exactly that name, the first whose name differs in case only. */
export function memberOfAnyCase(object: unknown, key: string): unknown {
  if (!isObject(object)) return undefined
  if (Object.hasOwn(object, key)) return object[key]
  const wanted = key.toLowerCase()
  for (const name of Object.keys(object)) if (name.length === key.length && name.toLowerCase() === wanted) return object[name]
  return undefined
}

/** `get(container, key)`, `container[key]`: an element of an array, a character of a text, a member by its name. */
export function elementOf(container: unknown, key: unknown): unknown {
  if (typeof container === 'string' || Array.isArray(container)) {
    const at = toInt(key)
    if (at === undefined || at < 0 || at >= container.length) return undefined
    return typeof container === 'string' ? characterAt(container, at) : container[at]
  }
  return typeof key === 'string' ? memberOf(container, key) : undefined
}

const surrogates = /[\ud800-\udfff]/

/** Whether code points and UTF-16 code units of the text differ. */
export const hasSurrogates = (text: string): boolean => surrogates.test(text)

function characterAt(text: string, at: number): string | undefined {
  if (!hasSurrogates(text)) return text[at]
  let left = at
  for (const character of text) if (left-- === 0) return character
  return undefined
}
