import type { MessageSource, RuleMessage } from '../../src/routing/message.ts'
import type { GivenRule } from '../../src/routing/rule-renewal.ts'
import type { seeded } from '../seeded.ts'

type Random = ReturnType<typeof seeded>

/** Few names and values, so that conditions hold often enough. */
const names = ['a', 'b', 'c.d', 'c.e[0]', 'missing', 'list', '`__proto__`']
const values = ['1', '2', '3.5', '-1', "'1'", "'red'", "'blue'", 'TRUE', 'FALSE', 'NULL', 'UNDEFINED', "'1e1'"]
const filters = ['#', '+/x', 'a/#', 'a/+/c', 'a/b/c', '$own/#', '+/+/c', 'a/b/#']
const topics = [
  'a',
  'a/x',
  'a/b/c',
  'b/x',
  '$own/x',
  'a/b/c/d',
  'none',
  '$aws/rules/n1/a/b/c',
  '$aws/rules/n2',
  '$aws/rules/other/a',
]
const sources: MessageSource[] = ['mqtt', 'http', 'TwinChangeEvents']

function operand(random: Random): string {
  switch (random.below(8)) {
    case 0:
      return `lower(${random.pick(names)})`
    case 1:
      return `(${random.pick(names)} ${random.pick(['+', '-', '*', '/', '%'])} ${random.pick(names)})`
    case 2:
      return 'topic(2)'
    case 3:
      return `get(list, ${random.below(3)})`
    case 4:
      return '@v'
    default:
      return random.pick(names)
  }
}

/** A condition in SQL. */
export function randomTest(random: Random, depth = 3): string {
  const inner = (): string => randomTest(random, depth - 1)
  switch (depth > 0 ? random.below(12) : random.below(6)) {
    case 0:
    case 1:
      return `${operand(random)} = ${random.pick(values)}`
    case 2:
      return `${operand(random)} ${random.pick(['<', '<=', '>', '>='])} ${random.pick(values)}`
    case 3:
      return `${random.pick(values)} ${random.pick(['<', '<=', '>', '>=', '=', '<>'])} ${operand(random)}`
    case 4:
      return `${operand(random)} IN [${random.pick(values)}, ${random.pick(values)}, ${random.pick(values)}]`
    case 5:
      return random.pick([...values, `isundefined(${random.pick(names)})`, `isnull(${random.pick(names)})`, random.pick(names)])
    case 6:
    case 7:
    case 8:
      return `${inner()} AND ${inner()}`
    case 9:
      return `(${inner()} OR ${inner()})`
    case 10:
      return `NOT (${inner()})`
    default:
      return `${operand(random)} ${random.pick(['<>', '=', '<', '>='])} ${operand(random)}`
  }
}

function randomSql(random: Random): string {
  const from = random.below(5) ? ` FROM '${random.pick(filters)}'${random.below(4) ? '' : `, '${random.pick(filters)}'`}` : ''
  const where = random.below(8) ? ` WHERE ${randomTest(random)}` : ''
  const set = `SET @v = ${random.pick(['a', "concat(a, 'x')", 'c.d', '1'])} `
  if (random.below(6) === 0) {
    const items = random.below(2) ? ' DO x AS v, a, topic() AS t' : ''
    return `${set}FOREACH list AS x${items}${random.below(2) ? ' INCASE x > 1' : ''}${from}${where}`
  }
  const output = random.pick([
    '*',
    '*, a AS c.z',
    'a, b',
    'a, b',
    'VALUE c',
    '@v AS v, c.d',
    "(SELECT VALUE n FROM list) AS l, 'x' AS y",
  ])
  return `${set}SELECT ${output}${from}${where}`
}

function randomCondition(random: Random, depth = 2): string {
  const name = (): string => random.pick(['p', 'Q', 'missing', '$body.a', '$body.c.d', '$BODY.A', '$contentType', '$twin.tags.t'])
  if (depth > 0 && random.below(2)) {
    return random.below(4)
      ? `${randomCondition(random, depth - 1)} ${random.pick(['AND', 'OR'])} ${randomCondition(random, depth - 1)}`
      : `NOT (${randomCondition(random, depth - 1)})`
  }
  const value = random.pick(['1', '2', "'1'", "'red'", 'true', 'null', '3.5'])
  return random.below(8) ? `${name()} ${random.pick(['=', '=', '<>', '<', '>='])} ${value}` : 'true'
}

/** Names repeat, as Basic Ingest goes by them. */
export function randomRule(random: Random): GivenRule {
  const name = random.below(3) ? { name: `n${random.below(30)}` } : {}
  if (random.below(3)) return { ...name, sql: randomSql(random) }
  return { ...name, condition: randomCondition(random), ...(random.below(4) === 0 && { source: 'TwinChangeEvents' as const }) }
}

function randomPayload(random: Random): unknown {
  const value = (): unknown => random.pick([1, 2, 3.5, -1, '1', 'red', 'Blue', true, false, 'true', null, 10, { n: 1 }, [1]])
  const body: Record<string, unknown> = {}
  for (const name of ['a', 'b']) if (random.below(5)) body[name] = value()
  if (random.below(4)) body.c = { d: value(), e: [value()] }
  if (random.below(3)) body.list = Array.from({ length: random.below(4) }, value)
  if (random.below(8) === 0) Object.defineProperty(body, '__proto__', { value: 'red', enumerable: true })
  switch (random.below(8)) {
    case 0:
      return random.pick<unknown>(['text', 5, null, undefined, [1, { a: 1 }]])
    case 1:
      return new TextEncoder().encode(random.pick(['no json', '', '{"a":', '1e999']))
    case 2:
    case 3:
      return body
    default:
      return new TextEncoder().encode(JSON.stringify(body))
  }
}

export function randomMessage(random: Random): RuleMessage {
  return {
    ...(random.below(12) && { topic: random.pick(topics) }),
    payload: randomPayload(random),
    ...(random.below(2) && { properties: { p: random.pick(['1', 'red']), q: '2' } }),
    ...(random.below(2) && {
      system: { contentType: random.pick(['application/json', 'text/plain']), contentEncoding: 'UTF-8' },
    }),
    ...(random.below(2) && { twin: { tags: { t: random.pick([1, 'red', null]) } } }),
    source: random.pick(sources),
    timestamp: 1,
  }
}

/** Frozen to the ground; bytes cannot be. */
export function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  for (const member of Object.values(value)) deepFrozen(member)
  return Object.freeze(value)
}
