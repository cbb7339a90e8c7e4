import { validTopicFilter } from '../telemetry/topic.ts'
import type { Expression, Statement } from './ast.ts'
import { sqlReader } from './parse-expression.ts'
import { takeName } from './parse-operands.ts'
import { parseItems, parseSelection, parseTest } from './parse-select.ts'
import { ruleFault, shown } from './rule-fault.ts'
import { type ParseOptions, placeOf, type TokenReader } from './token-reader.ts'
import { refuseTail } from './unsupported.ts'

/**
 * A whole rule in SQL, version 2016-03-23 of AWS IoT with SET and the extensions that are noted in the statement. RULE_SYNTAX, RULE_FUNCTION, RULE_UNSUPPORTED,
 * RULE_VARIABLE, RULE_TOPIC, RULE_LIMIT, each with its position.
 */
export function parseStatement(sql: string, options?: ParseOptions): Statement {
  const reader = sqlReader(sql, options)
  const set = parseSet(reader)
  const output = parseOutput(reader)
  refuseTail(reader)
  const from = reader.takes('from') ? parseFilters(reader) : []
  refuseTail(reader)
  const where = reader.takes('where') ? parseTest(reader) : undefined
  if (reader.token.kind !== 'end') throw reader.unexpected(expectedAtEnd({ from, output, where }))
  return { set, output, from, ...(where && { where }), extensions: reader.extensions }
}

function expectedAtEnd({ from, output, where }: { from: unknown[]; output: Statement['output']; where: unknown }): string {
  if (where) return 'an operator or the end'
  if (from.length > 0) return 'WHERE or the end'
  return output.kind === 'select' ? 'a comma, AS, FROM or WHERE' : 'DO, INCASE, FROM or WHERE'
}

function parseSet(reader: TokenReader): Statement['set'] {
  const set: Statement['set'] = []
  if (!reader.is('set')) return set
  reader.take()
  do {
    const variable = reader.token
    if (variable.kind !== 'variable') throw reader.unexpected('@name of a variable')
    const name = variable.value as string
    if (reader.knows(name))
      throw ruleFault('RULE_VARIABLE', `@${shown(name)} is defined twice`, placeOf(variable), 'variables do not change')
    if (set.length === reader.limits.variables)
      throw ruleFault('RULE_LIMIT', `more than ${reader.limits.variables} variables`, placeOf(variable))
    reader.take()
    reader.expect('=')
    const value = parseTest(reader)
    set.push({ name, value, position: reader.since(variable) })
    reader.define(name)
  } while (reader.takes(','))
  return set
}

function parseOutput(reader: TokenReader): Statement['output'] {
  if (reader.takes('select')) return { kind: 'select', ...parseSelection(reader) }
  if (reader.is('foreach')) return parseForeach(reader)
  throw reader.unexpected('SELECT', reader.token.kind === 'end' ? "SELECT * FROM 'topic/filter'" : undefined)
}

function parseForeach(reader: TokenReader): Statement['output'] {
  reader.extend('FOREACH', placeOf(reader.take()))
  const source = parseTest(reader)
  const name = reader.takes('as') ? takeName(reader, 'a name for the element') : 'item'
  const items = reader.takes('do') ? parseItems(reader) : undefined
  const condition: Expression | undefined = reader.takes('incase') ? parseTest(reader) : undefined
  return { kind: 'foreach', source, name, ...(items && { items }), ...(condition && { condition }) }
}

function parseFilters(reader: TokenReader): Statement['from'] {
  const from: Statement['from'] = []
  do {
    const { token } = reader
    if (token.kind !== 'string') throw reader.unexpected('a topic filter in quotes', "FROM 'plants/+/data'")
    if (from.length === reader.limits.filters)
      throw ruleFault('RULE_LIMIT', `more than ${reader.limits.filters} topic filters`, placeOf(token))
    from.push({ filter: checkedFilter(reader), position: placeOf(token) })
    if (from.length === 2) reader.extend('several topic filters', placeOf(token))
  } while (reader.takes(','))
  return from
}

function checkedFilter(reader: TokenReader): string {
  const filter = reader.token.value as string
  if (validTopicFilter(filter)) {
    reader.take()
    return filter
  }
  const why = filter ? `'${shown(filter)}' is no topic filter` : 'the topic filter is empty'
  throw ruleFault('RULE_TOPIC', why, placeOf(reader.token), '+ fills a level, # fills the last one')
}
