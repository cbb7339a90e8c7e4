import type { Expression, NestedSelect, SelectItem } from './ast.ts'
import { base64Of } from './base64.ts'
import type { CompileContext } from './compile-context.ts'
import { assign } from './members.ts'
import type { Closure } from './scope.ts'
import { isBytes, isObject } from './values.ts'

/** What a list of items makes of the message, or of the element of a nested query. A lone star and SELECT VALUE give the value itself. */
export function compileItems(items: readonly SelectItem[], value: boolean, context: CompileContext): Closure {
  const whole: Closure = context.inElement ? scope => scope.element : scope => scope.payload()
  const [first] = items
  if (first && items.length === 1 && (value || (!first.expression && !first.path)))
    return first.expression ? context.compile(first.expression, context) : whole
  const steps = items.map((item, i) => compileItem(item, i, whole, context))
  return scope => {
    const output: Output = {}
    for (const step of steps) step(output, scope)
    return output
  }
}

type Output = Record<string, unknown>
type Step = (output: Output, scope: Parameters<Closure>[0]) => void

function compileItem(item: SelectItem, i: number, whole: Closure, context: CompileContext): Step {
  const { expression } = item
  const read: Closure = expression ? context.compile(expression, context) : scope => inJson(whole(scope))
  const path = item.path ?? (expression ? [itemName(expression, i)] : undefined)
  if (!path) return (output, scope) => spread(output, whole(scope))
  const [name = ''] = path
  if (path.length === 1) {
    if (name === '__proto__') return (output, scope) => put(output, name, read(scope))
    return (output, scope) => {
      const value = read(scope)
      if (value !== undefined) output[name] = inJson(value)
    }
  }
  return (output, scope) => {
    const value = read(scope)
    if (value !== undefined) putDeep(output, path, inJson(value))
  }
}

const put = (output: Output, name: string, value: unknown): void => {
  if (value !== undefined) assign(output, name, inJson(value))
}

/** Bytes have no place in a JSON object but as base64. */
const inJson = (value: unknown): unknown => (isBytes(value) ? base64Of(value) : value)

/** `*` beside other items: the members of an object, anything else under the key `payload`. */
function spread(output: Output, value: unknown): void {
  if (isObject(value)) for (const key of Object.keys(value)) assign(output, key, value[key])
  else put(output, 'payload', value)
}

/** Never writes into an object of the message: what stands on the way is copied. */
function putDeep(output: Output, path: readonly string[], value: unknown): void {
  let at = output
  for (const name of path.slice(0, -1)) {
    const there = Object.hasOwn(at, name) ? at[name] : undefined
    const own = isObject(there) ? copied(there) : {}
    assign(at, name, own)
    at = own
  }
  assign(at, path.at(-1)!, value)
}

function copied(object: Output): Output {
  const copy: Output = {}
  for (const key of Object.keys(object)) assign(copy, key, object[key])
  return copy
}

/** What an item without AS is called: its last member or name, its function, or `expr` and its place from 1. */
export function itemName(expression: Expression, i: number): string {
  switch (expression.kind) {
    case 'name':
    case 'member':
    case 'variable':
    case 'call':
      return expression.name
    case 'index':
      return itemName(expression.object, i)
    default:
      return `expr${i + 1}`
  }
}

/** `(SELECT .. FROM expr WHERE ..)`: of an array those elements that pass, of an object what the items make of it. EXISTS: whether there are any. */
export function compileNested(nested: NestedSelect, context: CompileContext): Closure {
  const { value, items, from, where, position, exists, elementName } = nested
  const { itemName: _, elementName: __, ...outer } = context
  const inner: CompileContext = { ...outer, inElement: true, ...(elementName !== undefined && { elementName }) }
  const source = context.compile(from, context)
  const test = where && context.compile(where, inner)
  const project = compileItems(items, value, inner)
  return scope => {
    const given = source(scope)
    if (!Array.isArray(given) && !isObject(given)) return undefined
    const before = scope.element
    const passes = (element: unknown): boolean => {
      scope.visit(position)
      scope.element = element
      return test === undefined || test(scope) === true
    }
    try {
      if (exists) return Array.isArray(given) ? given.some(passes) : passes(given)
      if (!Array.isArray(given)) return passes(given) ? project(scope) : undefined
      const found: unknown[] = []
      for (const element of given) {
        if (!passes(element)) continue
        const made = project(scope)
        if (made !== undefined) found.push(made)
      }
      return found
    } finally {
      scope.element = before
    }
  }
}
