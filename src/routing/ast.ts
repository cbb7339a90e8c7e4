import type { TextPosition } from '../errors.ts'

/** What both rule languages are parsed into. Every node knows where it stands in the text. */
export type Expression =
  | Literal
  | NameExpression
  | VariableExpression
  | SourceExpression
  | MemberExpression
  | IndexExpression
  | StarExpression
  | UnaryExpression
  | BinaryExpression
  | CallExpression
  | CastExpression
  | CaseExpression
  | ArrayExpression
  | ObjectExpression
  | NestedSelect

interface Placed {
  position: TextPosition
}

/** `value` is `undefined` for the literal UNDEFINED. */
export interface Literal extends Placed {
  kind: 'literal'
  value: number | string | boolean | null | undefined
}

/** A bare name: a payload key in SQL (or an element's key in nested queries), an application property in a condition. */
export interface NameExpression extends Placed {
  kind: 'name'
  name: string
}

/** `@name`, without the sign. */
export interface VariableExpression extends Placed {
  kind: 'variable'
  name: string
}

/** Where a condition of Azure reads from: `$body`, `$twin`, or the system property `name` (then an application property of that name). */
export interface SourceExpression extends Placed {
  kind: 'source'
  source: 'body' | 'twin' | 'system'
  /** of a system property, without `$` or `$sys.` */
  name?: string
}

export interface MemberExpression extends Placed {
  kind: 'member'
  object: Expression
  name: string
}

export interface IndexExpression extends Placed {
  kind: 'index'
  object: Expression
  index: Expression
}

/** `*` as the argument of a function. */
export interface StarExpression extends Placed {
  kind: 'star'
}

export interface UnaryExpression extends Placed {
  kind: 'unary'
  operator: 'not' | '-'
  operand: Expression
}

/** `!=` is read as `<>`. */
export type BinaryOperator = 'or' | 'and' | '=' | '<>' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%'

export interface BinaryExpression extends Placed {
  kind: 'binary'
  operator: BinaryOperator
  left: Expression
  right: Expression
}

/** `name` in lower case. */
export interface CallExpression extends Placed {
  kind: 'call'
  name: string
  args: Expression[]
}

export type CastType = 'string' | 'int' | 'decimal' | 'boolean'

export interface CastExpression extends Placed {
  kind: 'cast'
  operand: Expression
  type: CastType
}

/** Without `subject` it is the searched form. */
export interface CaseExpression extends Placed {
  kind: 'case'
  subject?: Expression
  branches: { when: Expression; then: Expression }[]
  otherwise?: Expression
}

export interface ArrayExpression extends Placed {
  kind: 'array'
  elements: Expression[]
}

export interface ObjectExpression extends Placed {
  kind: 'object'
  members: { key: string; value: Expression }[]
}

/** One item of a SELECT list. A star has no expression; `path` is what AS names. */
export interface SelectItem extends Placed {
  expression?: Expression
  path?: string[]
}

/** `(SELECT .. FROM expr AS name WHERE ..)`, or `EXISTS` of it: whether there is anything that passes. */
export interface NestedSelect extends Placed {
  kind: 'select'
  exists?: true
  /** What names the element itself; other names mean its members. */
  elementName?: string
  /** SELECT VALUE */
  value: boolean
  items: SelectItem[]
  from: Expression
  where?: Expression
}

/** A whole rule in SQL. */
export interface Statement {
  set: { name: string; value: Expression; position: TextPosition }[]
  output:
    | { kind: 'select'; value: boolean; items: SelectItem[] }
    | { kind: 'foreach'; source: Expression; name: string; items?: SelectItem[]; condition?: Expression }
  /** MQTT filters; empty without FROM */
  from: { filter: string; position: TextPosition }[]
  where?: Expression
  /** Extensions over AWS's language that are used, with the place of the first of each, for `portable`. */
  extensions: { what: string; position: TextPosition }[]
}
