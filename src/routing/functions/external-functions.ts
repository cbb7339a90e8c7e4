import { base64Of } from '../base64.ts'
import { compactJson, isBytes } from '../values.ts'

/** A function that somebody outside answers. The engine asks, keeps the answer per message under `callKey`, and evaluates again. */
export interface ExternalFunction {
  /** Lower case. */
  readonly name: string
  readonly arity: readonly [number, number]
  /** For completion and help. */
  readonly signature: string
  /** Whether `*` may stand as an argument. */
  readonly star?: true
  /** Allowed in the items of SELECT and DO only. */
  readonly projectionOnly?: true
}

export const externalFunctions: readonly ExternalFunction[] = [
  { name: 'get_thing_shadow', arity: [1, 3], signature: 'get_thing_shadow(thing[, shadow][, role])' },
  { name: 'get_registry_data', arity: [2, 3], signature: 'get_registry_data(api, thing[, role])' },
  { name: 'aws_lambda', arity: [2, 2], signature: 'aws_lambda(name, V)', star: true },
  { name: 'lookup', arity: [2, 2], signature: 'lookup(table, key)' },
  { name: 'jsonata', arity: [1, 2], signature: 'jsonata(text[, V])', star: true, projectionOnly: true },
]

const byName = new Map(externalFunctions.map(each => [each.name, each]))

/** By the lower-case name. */
export const externalFunction = (name: string): ExternalFunction | undefined => byName.get(name)

/** Equal calls have equal keys. `undefined` for arguments that no JSON can hold: such a call is Undefined and asks nobody. */
export const callKey = (name: string, args: readonly unknown[]): string | undefined =>
  compactJson([name, ...args.map(arg => (arg === undefined ? [] : isBytes(arg) ? [base64Of(arg), 'bytes'] : [arg]))])
