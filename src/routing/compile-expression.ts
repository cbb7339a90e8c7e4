import type { CallExpression, CaseExpression, Expression } from './ast.ts'
import { castTo } from './cast.ts'
import { compileBinary, compileNot } from './compile-binary.ts'
import { type CompileContext, memoOf } from './compile-context.ts'
import { known, stepsReader } from './compile-path.ts'
import { compileNested } from './compile-select.ts'
import { externalShape } from './external-shapes.ts'
import { type Path, pathKey, pathOf } from './expression-path.ts'
import type { Memo } from './memo.ts'
import { assign } from './members.ts'
import type { Closure } from './scope.ts'
import { elementOf, memberOf } from './values.ts'

/** An expression as a function of the message. */
export function compile(expression: Expression, context: CompileContext): Closure {
  return sharedMemo(expression, context)?.reader ?? compileOwn(expression, context)
}

/** The memo behind a path of the message, or a variable. */
export function sharedMemo(expression: Expression, context: CompileContext): Memo | undefined {
  const path = context.inElement ? undefined : pathOf(expression)
  return path && pathMemo(path, context)
}

function pathMemo(path: Path, context: CompileContext): Memo | undefined {
  const { root, steps } = path
  if (root.kind === 'variable') return steps.length ? undefined : context.variables.get(root.name)
  if (root.kind === 'name' && root.name === context.itemName) return undefined
  return memoOf(context, pathKey(path), () => context.language.readPath(root, steps))
}

function compileOwn(expression: Expression, context: CompileContext): Closure {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression
      return () => value
    }
    case 'name':
      return compileName(expression.name, context)
    case 'variable':
      return compileVariable(expression.name, context)
    case 'source':
      return context.language.readPath(expression, [])
    case 'member': {
      const object = compile(expression.object, context)
      const { name } = expression
      const member = stepsReader([name])
      return scope => member(object(scope))
    }
    case 'index': {
      const object = compile(expression.object, context)
      const index = compile(expression.index, context)
      return scope => elementOf(object(scope), index(scope))
    }
    case 'star':
      return context.inElement ? scope => scope.element : scope => scope.star()
    case 'unary': {
      const { operator } = expression
      const operand = compile(expression.operand, context)
      if (operator === 'not') return compileNot(operand, context.language.operators)
      const apply = context.language.operators.unary[operator]
      return scope => apply(operand(scope))
    }
    case 'binary':
      return compileBinary(expression, context)
    case 'call':
      return compileCall(expression, context)
    case 'cast': {
      const operand = compile(expression.operand, context)
      const { type } = expression
      return scope => castTo(type, operand(scope))
    }
    case 'case':
      return compileCase(expression, context)
    case 'array': {
      const elements = expression.elements.map(element => compile(element, context))
      // An element without a value holds its place, so that later indexes do not shift.
      return scope => elements.map(element => element(scope) ?? null)
    }
    case 'object': {
      const members = expression.members.map(({ key, value }) => ({ key, value: compile(value, context) }))
      return scope => {
        const object: Record<string, unknown> = {}
        for (const { key, value } of members) {
          const member = value(scope)
          if (member !== undefined) assign(object, key, member)
        }
        return object
      }
    }
    case 'select':
      return compileNested(expression, context)
  }
}

function compileName(name: string, { inElement, elementName, itemName, language }: CompileContext): Closure {
  if (inElement && name === elementName) return scope => known(scope.element)
  if (!inElement && name === itemName) return scope => scope.item
  if (!inElement) return language.readPath({ kind: 'name', name, position: nowhere }, [])
  return scope => memberOf(scope.element, name)
}

const nowhere = { offset: 0, line: 1, column: 1, length: 0 }

function compileVariable(name: string, { variables }: CompileContext): Closure {
  const memo = variables.get(name)
  return memo ? scope => memo.read(scope) : () => undefined
}

function compileCall(expression: CallExpression, context: CompileContext): Closure {
  const { name, position } = expression
  const args = expression.args.map(arg => compile(arg, context))
  const external = externalShape(name)
  const known = external ?? context.language.functionOf(name)
  if (!known || args.length < known.arity[0] || args.length > known.arity[1]) return () => undefined
  if (external)
    return scope =>
      scope.ask(
        name,
        args.map(arg => arg(scope)),
        position,
      )
  const { call } = context.language.functionOf(name)!
  const [first, second] = args
  if (!first) return scope => call([], scope)
  if (!second) return scope => call([first(scope)], scope)
  if (args.length === 2) {
    const [, constant] = expression.args
    if (constant?.kind !== 'literal') return scope => call([first(scope), second(scope)], scope)
    const { value } = constant
    return scope => call([first(scope), value], scope)
  }
  return scope =>
    call(
      args.map(arg => arg(scope)),
      scope,
    )
}

function compileCase({ subject, branches, otherwise }: CaseExpression, context: CompileContext): Closure {
  const value = subject && compile(subject, context)
  const ways = branches.map(({ when, then }) => ({ when: compile(when, context), result: compile(then, context) }))
  const rest = otherwise ? compile(otherwise, context) : () => undefined
  const { binary, truth } = context.language.operators
  if (!value) {
    return scope => {
      for (const { when, result } of ways) if (truth(when(scope)) === true) return result(scope)
      return rest(scope)
    }
  }
  const equal = binary['=']
  return scope => {
    const given = value(scope)
    if (given === undefined) return undefined
    for (const { when, result } of ways) if (equal(given, when(scope)) === true) return result(scope)
    return rest(scope)
  }
}
