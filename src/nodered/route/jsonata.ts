import { LoomError } from '../../errors.ts'

interface Expression {
  evaluate(input: unknown): Promise<unknown>
  assign(name: symbol, value: unknown): void
}
type Jsonata = (expression: string) => Expression

const limits = { steps: 100_000, depth: 300, ms: 500 }
let loaded: Promise<Jsonata> | undefined

/** The optional package, loaded once. DRIVER_MISSING. */
const load = (): Promise<Jsonata> =>
  (loaded ??= import('jsonata').then(
    module => module.default as unknown as Jsonata,
    cause => {
      loaded = undefined
      throw new LoomError('DRIVER_MISSING', 'jsonata', { cause, hint: 'npm install jsonata' })
    },
  ))

/** Evaluates an expression of JSONata within limits of time, steps and depth: one that goes round for ever must not stop the flows. DRIVER_MISSING, RangeError. */
export async function evaluateJsonata(text: string, input: unknown, now: () => number): Promise<unknown> {
  const jsonata = await load()
  const expression = jsonata(text)
  guard(expression, now)
  return expression.evaluate(input)
}

/** The library calls these before and after each step of an evaluation. */
function guard(expression: Expression, now: () => number): void {
  const end = now() + limits.ms
  let [depth, steps] = [0, 0]
  const check = (): void => {
    if (depth > limits.depth || ++steps > limits.steps || now() > end)
      throw new RangeError('the expression of JSONata takes too long or goes too deep')
  }
  expression.assign(Symbol.for('jsonata.__evaluate_entry'), () => {
    depth++
    check()
  })
  expression.assign(Symbol.for('jsonata.__evaluate_exit'), () => {
    depth--
  })
}
