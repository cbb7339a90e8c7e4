import type { BinaryOperator, Expression, SelectItem, Statement } from '../../src/routing/ast.ts'
import type { seeded } from '../seeded.ts'

type Random = ReturnType<typeof seeded>

const position = { offset: 0, line: 1, column: 1, length: 0 }
const names = [
  'a',
  'temperature',
  'value',
  'Value',
  'distinct',
  'in',
  'do',
  'end',
  'select',
  'NULL',
  'my-key',
  '`',
  '',
  'größe',
  '__proto__',
  '$x',
  '_1',
]
const plainNames = ['a', 'temperature', 'value', 'iothub-message-schema', 'severity', 'from']
// biome-ignore lint/suspicious/noTemplateCurlyInString: a template of a rule
const texts = ['', 'x', "it's", '"', '\\', '\\d+\\', "\\'", 'a\nb', '}', '${a}', '𝄞', '\u0000', "''"]
const numbers = [0, 1, -1, 2.5, -0.001, 1e21, -1e-7, 2 ** 53, 1.7976931348623157e308]
const operators: BinaryOperator[] = ['or', 'and', '=', '<>', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/', '%']

/** Any tree that the SQL parser can make, with the variable `@v`. */
export function randomExpression(random: Random, depth: number): Expression {
  const inner = (): Expression => randomExpression(random, depth - 1)
  const many = <T>(make: () => T): T[] => Array.from({ length: random.below(4) }, make)
  switch (depth > 0 ? random.below(13) : random.below(3)) {
    case 0:
      return { kind: 'literal', value: random.pick([...texts, ...numbers, true, false, null, undefined]), position }
    case 1:
      return { kind: 'name', name: random.pick(names), position }
    case 2:
      return { kind: 'variable', name: 'v', position }
    case 3:
      return { kind: 'member', object: inner(), name: random.pick(names), position }
    case 4:
      return { kind: 'index', object: inner(), index: inner(), position }
    case 5:
      return { kind: 'unary', operator: random.pick(['not', '-'] as const), operand: inner(), position }
    case 6:
      return {
        kind: 'call',
        name: random.pick(['f', 'get']),
        args: many(() => (random.below(5) === 0 ? { kind: 'star', position } : inner())),
        position,
      }
    case 7:
      return { kind: 'cast', operand: inner(), type: random.pick(['string', 'int', 'decimal', 'boolean'] as const), position }
    case 8:
      return {
        kind: 'case',
        ...(random.below(2) && { subject: inner() }),
        // biome-ignore lint/suspicious/noThenProperty: the word of the language
        branches: [...many(() => ({ when: inner(), then: inner() })), { when: inner(), then: inner() }],
        ...(random.below(2) && { otherwise: inner() }),
        position,
      }
    case 9:
      return { kind: 'array', elements: many(inner), position }
    case 10:
      return { kind: 'object', members: many(() => ({ key: random.pick(names), value: inner() })), position }
    case 11: {
      const where = random.below(2) ? { where: inner() } : {}
      const named = random.below(2) ? { elementName: random.pick(names) } : {}
      const exists = random.below(4) ? {} : ({ exists: true } as const)
      return { kind: 'select', ...exists, ...randomSelection(random, depth - 1), from: inner(), ...named, ...where, position }
    }
    default:
      return { kind: 'binary', operator: random.pick(operators), left: inner(), right: inner(), position }
  }
}

export function randomCondition(random: Random, depth: number): Expression {
  const inner = (): Expression => randomCondition(random, depth - 1)
  switch (depth > 0 ? random.below(8) : random.below(3)) {
    case 0:
      return { kind: 'literal', value: random.pick([...texts, ...numbers, true, false, null, undefined]), position }
    case 1:
      return { kind: 'name', name: random.pick(plainNames), position }
    case 2: {
      const source = random.pick(['body', 'twin', 'system'] as const)
      return {
        kind: 'source',
        source,
        ...(source === 'system' && { name: random.pick(['body', 'contentType', 'a-b', 'sys']) }),
        position,
      }
    }
    case 3:
      return { kind: 'member', object: inner(), name: random.pick(['a', 'tags', 'from']), position }
    case 4:
      return { kind: 'index', object: inner(), index: { kind: 'literal', value: random.below(9), position }, position }
    case 5:
      return { kind: 'unary', operator: random.pick(['not', '-'] as const), operand: inner(), position }
    case 6:
      return { kind: 'call', name: 'contains', args: Array.from({ length: random.below(3) }, inner), position }
    default:
      return {
        kind: 'binary',
        operator: random.pick(operators.filter(operator => operator !== 'in')),
        left: inner(),
        right: inner(),
        position,
      }
  }
}

function randomItems(random: Random, depth: number, most = 3): SelectItem[] {
  return Array.from({ length: 1 + random.below(most) }, () => ({
    ...(random.below(4) && { expression: randomExpression(random, depth) }),
    ...(random.below(2) && { path: [random.pick(names), ...(random.below(2) ? [random.pick(names)] : [])] }),
    position,
  }))
}

function randomSelection(random: Random, depth: number): { value: boolean; items: SelectItem[] } {
  if (random.below(2)) return { value: false, items: randomItems(random, depth) }
  return { value: true, items: [{ ...(random.below(4) && { expression: randomExpression(random, depth) }), position }] }
}

/** Without `extensions`, which the text tells. */
export function randomStatement(random: Random): Omit<Statement, 'extensions'> {
  const foreach: Statement['output'] = {
    kind: 'foreach',
    source: randomExpression(random, 2),
    name: random.pick(names),
    ...(random.below(2) && { items: randomItems(random, 2) }),
    ...(random.below(2) && { condition: randomExpression(random, 2) }),
  }
  return {
    set: [{ name: 'v', value: { kind: 'literal', value: 1, position }, position }],
    output: random.below(3) ? { kind: 'select', ...randomSelection(random, 3) } : foreach,
    from: Array.from({ length: random.below(3) }, () => ({ filter: random.pick(["it's/+/#", '#', 'a/b']), position })),
    ...(random.below(2) && { where: randomExpression(random, 3) }),
  }
}

/** The tree without places, for comparison. */
export const unplaced = (tree: unknown): unknown => {
  if (Array.isArray(tree)) return tree.map(unplaced)
  if (typeof tree !== 'object' || tree === null) return tree
  return Object.fromEntries(Object.entries(tree).flatMap(([key, value]) => (key === 'position' ? [] : [[key, unplaced(value)]])))
}
