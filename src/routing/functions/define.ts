import type { CallContext, RuleFunction } from '../rule-function.ts'
import { toDecimal, toInt, toText } from '../values.ts'

interface ValueOf {
  N: number
  I: number
  S: string
  V: unknown
}

/** Number, whole number, text, any value. Everything but `V` is converted; where that fails the call is Undefined. */
type Kind = keyof ValueOf

/** With a question mark the argument may be left out. */
type Parameter = Kind | `${Kind}?`

type Values<Parameters extends readonly Parameter[]> = {
  -readonly [Index in keyof Parameters]: Parameters[Index] extends `${infer K extends Kind}?`
    ? ValueOf[K] | undefined
    : Parameters[Index] extends Kind
      ? ValueOf[Parameters[Index]]
      : never
}

const convert: { [K in Kind]: (value: unknown) => ValueOf[K] | undefined } = {
  N: toDecimal,
  I: toInt,
  S: toText,
  V: value => value,
}

/** A function whose arguments are converted before it sees them. */
export function ruleFunction<const Parameters extends readonly Parameter[]>(
  name: string,
  parameters: Parameters,
  call: (args: Values<Parameters>, context: CallContext) => unknown,
  more: { stable?: false; star?: true; signature?: string } = {},
): RuleFunction {
  const kinds = parameters.map(parameter => parameter[0] as Kind)
  const least = parameters.filter(parameter => parameter.length === 1).length
  return {
    name,
    arity: [least, kinds.length],
    stable: true,
    signature: signatureOf(name, parameters),
    ...more,
    call(args, context) {
      if (args.length < least || args.length > kinds.length) return undefined
      // Most arguments are what they should be, then nothing is copied.
      let values = args as unknown[]
      for (let i = 0; i < args.length; i++) {
        const kind = kinds[i]!
        const arg = args[i]
        if (kind === 'V' || (kind === 'S' && typeof arg === 'string')) continue
        const value = convert[kind](arg)
        if (value === undefined) return undefined
        if (Object.is(value, arg)) continue
        if (values === args) values = [...args]
        values[i] = value
      }
      return call(values as Values<Parameters>, context)
    },
  }
}

const signatureOf = (name: string, parameters: readonly Parameter[]): string =>
  `${name}(${parameters.map((each, i) => (each.length === 1 ? (i > 0 ? ', ' : '') + each : `[${i > 0 ? ', ' : ''}${each[0]}]`)).join('')})`
