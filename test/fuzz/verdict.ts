import { isPromise } from 'node:util/types'
import { codes, LoomError } from '../../src/errors.ts'
import type { Target } from './target.ts'

const shared = [
  Object.prototype,
  Array.prototype,
  Function.prototype,
  String.prototype,
  Number.prototype,
  Promise.prototype,
  Uint8Array.prototype,
]
const before = shared.map(each => new Map(Reflect.ownKeys(each).map(key => [key, Object.getOwnPropertyDescriptor(each, key)!])))
/** Of outputs of rules. */
const mostDeep = 512

/** Runs one input. What is wrong with how it ended, or nothing. */
export async function verdictOn<I>(target: Target<I>, input: I): Promise<string | undefined> {
  let result: unknown
  try {
    result = target.run(input)
    if (isPromise(result)) result = await result
  } catch (thrown) {
    return faultOfError(thrown, target.codes) ?? faultOfPrototypes()
  }
  const unplain = result === undefined ? undefined : faultOfValue(result, '$', 0)
  return unplain ?? faultOfPrototypes()
}

function faultOfError(thrown: unknown, allowed: RegExp): string | undefined {
  if (!(thrown instanceof LoomError)) return `not a LoomError: ${thrown instanceof Error ? thrown.stack : String(thrown)}`
  const { code, message, stack } = thrown
  if (!Object.hasOwn(codes, code) || !allowed.test(code)) return `the code ${code} is not one for this: ${stack}`
  if (!message || message.length > 1000) return `a message of ${message.length} characters: ${message.slice(0, 200)}`
  return undefined
}

function faultOfValue(value: unknown, path: string, depth: number): string | undefined {
  if (depth > mostDeep + 1) return 'the result is too deep'
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${path} is ${value}`
  if (typeof value !== 'object') return `${path} is of type ${typeof value}`
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const fault = faultOfValue(value[i], `${path}[${i}]`, depth + 1)
      if (fault) return fault
    }
    return undefined
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    return `${path} is a ${prototype.constructor?.name ?? 'thing with a strange prototype'}`
  for (const key of Object.keys(value)) {
    const fault = faultOfValue((value as Record<string, unknown>)[key], `${path}.${key.slice(0, 60)}`, depth + 1)
    if (fault) return fault
  }
  return undefined
}

function faultOfPrototypes(): string | undefined {
  for (const [i, each] of shared.entries()) {
    const keys = Reflect.ownKeys(each)
    const known = before[i]!
    if (keys.length !== known.size) return `a prototype that all share has ${keys.length} members, not ${known.size}`
    for (const key of keys) {
      const is = Object.getOwnPropertyDescriptor(each, key)!
      const was = known.get(key)
      if (is.value !== was?.value || is.get !== was?.get) return `member ${String(key)} of a prototype that all share was changed`
    }
  }
  return undefined
}
