import type { Expression } from './ast.ts'
import type { Closure } from './scope.ts'
import { elementOf, isObject, memberOf, memberOfAnyCase } from './values.ts'

type Step = string | number
type Reader = (value: unknown) => unknown

/** Members by their exact names, elements by number. */
export function stepsReader(steps: readonly Step[], member: (object: unknown, key: string) => unknown = memberOf): Reader {
  const [first, second] = steps
  if (first === undefined) return known
  if (second === undefined && typeof first === 'string') return value => known(member(value, first))
  return value => {
    let at = value
    for (const step of steps) {
      at = typeof step === 'number' ? elementOf(at, step) : member(at, step)
      if (at === undefined) return undefined
    }
    return known(at)
  }
}

/** What a payload holds that is no value of the language, as the number of `1e999`, is Undefined. */
export function known(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : undefined
    case 'string':
    case 'boolean':
    case 'object':
      return value
    default:
      return undefined
  }
}

/** A path of SQL outside nested queries: a key of the payload. */
export function readPayload(root: Expression, steps: readonly Step[]): Closure {
  if (root.kind !== 'name') return () => undefined
  const { name } = root
  const read = stepsReader([name, ...steps])
  if (steps.length > 0 || name in Object.prototype) return scope => read(scope.payload())
  // Most paths of most rules: no need to ask whether the member is the object's own.
  return scope => {
    const parsed = scope.parsed()
    return parsed ? known(parsed[name]) : read(scope.payload())
  }
}

/** A path of a condition: the body, the twin, or properties, whose names all ignore case. */
export function readSource(root: Expression, steps: readonly Step[]): Closure {
  if (root.kind === 'name') return steps.length ? () => undefined : property(root.name)
  if (root.kind !== 'source') return () => undefined
  const { source, name = '' } = root
  const read = stepsReader(steps, memberOfAnyCase)
  if (source === 'twin') return steps.length ? scope => read(scope.message.twin) : () => undefined
  // Neither the body as a whole nor an element of it.
  if (source === 'body') return typeof steps[0] === 'string' ? scope => read(scope.body()) : () => undefined
  if (steps.length) return () => undefined
  // Azure: a name that begins with $ is a system property, else the application property of that whole name.
  const [whole, bare] = [property(`$${name}`), property(name)]
  return scope => memberOfAnyCase(scope.message.system, name) ?? whole(scope) ?? bare(scope)
}

/** An application property; of one that came several times the first value. */
function property(name: string): Closure {
  return scope => {
    const value = memberOfAnyCase(scope.message.properties, name)
    return Array.isArray(value) ? value[0] : isObject(value) ? undefined : value
  }
}
