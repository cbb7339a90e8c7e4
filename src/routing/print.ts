import type { BinaryOperator, Expression, SelectItem, Statement } from './ast.ts'
import type { RuleLanguage } from './lexer.ts'
import { reserved } from './parse-expression.ts'

/** Canonical texts: equal trees print equally, and what is printed parses to an equal tree, whatever the first text looked like. */
export function printExpression(expression: Expression, language: RuleLanguage = 'sql'): string {
  return language === 'sql' ? sqlPrinter(expression) : conditionPrinter(expression)
}

/** What stands behind SELECT. */
export function printSelection({ value, items }: { value: boolean; items: readonly SelectItem[] }): string {
  const text = printItems(items)
  // Keys that could be taken for the keywords VALUE or DISTINCT, or for an operator behind the key `value`.
  const risky = value ? /^(?:in|is|like|between)(?![\w$(])/i : /^(?:value|distinct)(?![\w$(])/i
  const key = risky.exec(text)?.[0] ?? ''
  return `${value ? 'VALUE ' : ''}${key && `\`${key}\``}${text.slice(key.length)}`
}

export function printStatement({ set, output, from, where }: Statement): string {
  const parts: string[] = []
  if (set.length > 0) parts.push(`SET ${set.map(({ name, value }) => `@${name} = ${printExpression(value)}`).join(', ')}`)
  if (output.kind === 'select') parts.push(`SELECT ${printSelection(output)}`)
  else {
    parts.push(`FOREACH ${printExpression(output.source)} AS ${anyName(output.name)}`)
    if (output.items) parts.push(`DO ${printItems(output.items)}`)
    if (output.condition) parts.push(`INCASE ${printExpression(output.condition)}`)
  }
  if (from.length > 0) parts.push(`FROM ${from.map(({ filter }) => sqlText(filter)).join(', ')}`)
  if (where) parts.push(`WHERE ${printExpression(where)}`)
  return parts.join(' ')
}

const printItems = (items: readonly SelectItem[]): string =>
  items
    .map(({ expression, path }) => {
      const text = expression ? printExpression(expression) : '*'
      return path ? `${text} AS ${path.map(anyName).join('.')}` : text
    })
    .join(', ')

/**
 * Prints with brackets if the expression binds no more strongly than `weakest`, or would take what follows, which binds by `next`, for its own. There are never more of
 * them than in any text of the expression: what was shallow enough to be read is so again.
 */
type Printer = (expression: Expression, weakest?: number, next?: number) => string

const binding: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  '=': 4,
  '<>': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  in: 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
}
const notBinding = 3
const minusBinding = 7
/** Of an operand that a dot or bracket follows. */
const tight = 8

function printer(leaf: (expression: Expression) => string, memberName: (name: string) => string): Printer {
  const bracketed = (expression: Expression): string => `(${print(expression)})`
  const print: Printer = (expression, weakest = 0, next = 0) => {
    switch (expression.kind) {
      case 'binary': {
        const { operator, left, right } = expression
        const power = binding[operator]
        if (power <= weakest) return bracketed(expression)
        return `${print(left, power - 1, power)} ${operator.toUpperCase()} ${print(right, power, next)}`
      }
      case 'unary': {
        const { operator, operand } = expression
        const power = operator === 'not' ? notBinding : minusBinding
        if (next > power) return bracketed(expression)
        const text = print(operand, power, next)
        if (operator === 'not') return `NOT ${text}`
        // A number takes the sign for its own.
        return /^\d/.test(text) ? `-(${text})` : `-${text.startsWith('-') ? ' ' : ''}${text}`
      }
      case 'member': {
        const { object, name } = expression
        return `${print(object, tight, tight)}${isNumber(object) ? ' ' : ''}.${memberName(name)}`
      }
      case 'index':
        return `${print(expression.object, tight, tight)}[${print(expression.index)}]`
      case 'call':
        return `${expression.name}(${expression.args.map(one => print(one)).join(', ')})`
      default:
        return leaf(expression)
    }
  }
  return print
}

const isNumber = (expression: Expression): boolean => expression.kind === 'literal' && typeof expression.value === 'number'

const sqlPrinter = printer(sqlLeaf, anyName)
const conditionPrinter = printer(conditionLeaf, name => name)

function sqlLeaf(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'string' ? sqlText(expression.value) : plainLiteral(expression.value)
    case 'name':
      return reserved.has(expression.name.toLowerCase()) ? quotedName(expression.name) : anyName(expression.name)
    case 'variable':
      return `@${expression.name}`
    case 'star':
      return '*'
    case 'cast':
      return `CAST(${sqlPrinter(expression.operand)} AS ${expression.type.toUpperCase()})`
    case 'case': {
      const { subject, branches, otherwise } = expression
      const whens = branches.map(({ when, then }) => ` WHEN ${sqlPrinter(when)} THEN ${sqlPrinter(then)}`).join('')
      return `CASE${subject ? ` ${sqlPrinter(subject)}` : ''}${whens}${otherwise ? ` ELSE ${sqlPrinter(otherwise)}` : ''} END`
    }
    case 'array':
      return `[${expression.elements.map(one => sqlPrinter(one)).join(', ')}]`
    case 'object':
      return `{${expression.members.map(({ key, value }) => `${sqlText(key)}: ${sqlPrinter(value)}`).join(', ')}}`
    case 'select': {
      const { exists, elementName } = expression
      const as = elementName === undefined ? '' : ` AS ${anyName(elementName)}`
      const where = expression.where ? ` WHERE ${sqlPrinter(expression.where)}` : ''
      return `${exists ? 'EXISTS ' : ''}(SELECT ${printSelection(expression)} FROM ${sqlPrinter(expression.from)}${as}${where})`
    }
    default:
      throw new TypeError(`${expression.kind} is no leaf of SQL`)
  }
}

function conditionLeaf(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'string' ? conditionText(expression.value) : plainLiteral(expression.value)
    case 'name':
      return expression.name
    case 'source': {
      const { source, name = '' } = expression
      if (source !== 'system') return `$${source}`
      return /^(?:body|twin|sys)(?!\w)|^\W|^\d/i.test(name) ? `$sys.${name}` : `$${name}`
    }
    default:
      throw new TypeError(`${expression.kind} is no leaf of a condition`)
  }
}

const plainLiteral = (value: unknown): string => String(value).toUpperCase().replace('E+', 'E')
const sqlText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
const conditionText = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
const quotedName = (name: string): string => `\`${name.replaceAll('`', '``')}\``

/** Where any word is a name. */
function anyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quotedName(name)
}
