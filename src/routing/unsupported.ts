import type { Token } from './lexer.ts'
import { ruleFault } from './rule-fault.ts'
import { placeOf, type TokenReader } from './token-reader.ts'

const windows = 'the window node groups, counts and sums; a nested SELECT filters arrays'
const texts = 'startswith(), endswith(), indexof() or regexp_matches()'
const missing = 'isnull() or isundefined()'
const otherLanguage = 'a condition is one expression; write the rule in SQL'

/** SQL of databases: word behind an expression or FROM -> what stands there and what to use instead. */
const tails: ReadonlyMap<string, readonly [what: string, hint: string]> = new Map([
  ['group', ['GROUP BY', windows]],
  ['having', ['HAVING', windows]],
  ['order', ['ORDER BY', windows]],
  ['limit', ['LIMIT', windows]],
  ['join', ['JOIN', 'lookup() reads reference data']],
  ['inner', ['JOIN', 'lookup() reads reference data']],
  ['left', ['JOIN', 'lookup() reads reference data']],
  ['right', ['JOIN', 'lookup() reads reference data']],
  ['outer', ['JOIN', 'lookup() reads reference data']],
  ['cross', ['JOIN', 'lookup() reads reference data']],
  ['union', ['UNION', 'write two rules, or several filters in FROM']],
  ['like', ['LIKE', texts]],
  ['between', ['BETWEEN', 'a >= low AND a <= high']],
  ['is', ['IS', missing]],
])

const inCondition: ReadonlyMap<string, readonly [what: string, hint: string]> = new Map([
  ['in', ['IN', 'a = 1 OR a = 2']],
  ['like', ['LIKE', 'STARTS_WITH(), ENDS_WITH() or CONTAINS()']],
  ['between', ['BETWEEN', 'a >= low AND a <= high']],
  ['is', ['IS', 'IS_NULL() or IS_DEFINED()']],
  ['case', ['CASE', otherLanguage]],
  ['select', ['SELECT', otherLanguage]],
  ['from', ['FROM', otherLanguage]],
  ['where', ['WHERE', 'leave WHERE out; the condition stands alone']],
])

/** Functions that exist elsewhere -> what to use instead. */
const functions: ReadonlyMap<string, string> = new Map([
  ...['count', 'sum', 'avg', 'min', 'max'].map(name => [name, windows] as const),
  ['machinelearning_predict', 'a node behind the rule can score'],
  ['get_dynamodb', 'lookup() reads reference data'],
])

/** RULE_UNSUPPORTED if the current word begins something that a rule does not offer behind an expression. */
export function refuseTail(reader: TokenReader): void {
  const { language, token } = reader
  const known = language === 'sql' ? tails : inCondition
  const negated = token.word === 'not'
  const word = negated ? reader.peek(1).word : token.word
  const found = known.get(word)
  if (found) throw ruleFault('RULE_UNSUPPORTED', `${negated ? 'NOT ' : ''}${found[0]} is not offered`, placeOf(token), found[1])
  if (negated && word === 'in') throw reader.unexpected('an operator before NOT', 'write NOT (a IN b)')
}

/** RULE_UNSUPPORTED if SELECT is followed by DISTINCT, which is a key where a key ends or goes on. */
export function refuseDistinct(reader: TokenReader): void {
  if (!reader.is('distinct')) return
  const { kind, word } = reader.peek(1)
  const isOperand = kind === 'word' ? !endsItem.has(word) : kind !== 'sign' && kind !== 'end'
  if (isOperand || word === '(') throw ruleFault('RULE_UNSUPPORTED', 'DISTINCT is not offered', placeOf(reader.token), windows)
}

const endsItem = new Set(['from', 'where', 'as', 'and', 'or', 'in', 'not', 'like', 'between', 'is', 'incase'])

/** RULE_UNSUPPORTED for functions that are not offered here. */
export function refuseFunction(reader: TokenReader, named: Token): void {
  const name = named.word
  const { use = 'statement', functions: known } = reader.options
  const fault = (hint: string): Error => ruleFault('RULE_UNSUPPORTED', `${name}() is not offered here`, placeOf(named), hint)
  const hint = functions.get(name)
  if (hint !== undefined && !known?.has(name)) throw fault(hint)
  if (name === 'get_secret' && use === 'statement') throw fault('secrets are for the templates of actions')
  if (name === 'jsonata' && !reader.projecting) throw fault('jsonata() makes output, it stands in SELECT or DO')
  if (use === 'errorAction' && known?.get(name)?.external) throw fault('an error action waits for nobody')
}
