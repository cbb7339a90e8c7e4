import {
  everything,
  FleetBudget,
  type FleetColumn,
  type FleetComparison,
  type FleetCondition,
  type FleetFigure,
  type FleetPath,
  type FleetQuery,
  type FleetScalar,
  fleetLimits,
  limitFault,
  syntaxFault,
} from './ast.ts'
import { AzureReader } from './azure-reader.ts'

const figures: Readonly<Record<string, FleetFigure['fn']>> = { COUNT: 'count', AVG: 'avg', SUM: 'sum', MIN: 'min', MAX: 'max' }
const signs: Readonly<Record<string, FleetComparison>> = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}
/** The same with its sides exchanged. */
const turned: Readonly<Record<FleetComparison, FleetComparison>> = {
  '=': '=',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/**
 * The query language of Azure IoT Hub for twins: SELECT [TOP n] * | fields | figures FROM devices [WHERE ..] [GROUP BY ..]. It has no ORDER BY. Types are not
 * converted. QUERY_SYNTAX and QUERY_LIMIT with the offset.
 */
export function parseAzureQuery(query: string): FleetQuery {
  const reader = new AzureReader(query)
  const budget = new FleetBudget()
  reader.need('SELECT')
  const top = reader.take('TOP') ? topOf(reader) : undefined
  const list = selection(reader)
  reader.need('FROM')
  const source = reader.names()
  if (source.names.join('.').toLowerCase() !== 'devices')
    throw syntaxFault(`${source.names.join('.').slice(0, 40)} cannot be asked`, source.at, 'FROM devices')
  const where = reader.take('WHERE') ? alternatives(reader, budget) : everything
  const grouped: FleetPath[] = []
  if (reader.take('GROUP')) {
    reader.need('BY')
    do grouped.push(reader.path().path)
    while (reader.takeSign(','))
  }
  if (reader.token.kind !== 'end')
    throw reader.fault('the end is expected', reader.isKeyword('ORDER') ? 'rows come by device id' : undefined)
  return { where, ...answerOf(list, grouped), ...(top !== undefined && { top }) }
}

interface Selection {
  columns: (FleetColumn & { at: number })[]
  figures: FleetFigure[]
  all: boolean
}

function topOf(reader: AzureReader): number {
  const { kind, text, at } = reader.skip()
  const top = Number(text)
  if (kind !== 'number' || !Number.isInteger(top) || top < 1) throw syntaxFault('a number of rows is expected', at)
  return top
}

function selection(reader: AzureReader): Selection {
  const list: Selection = { columns: [], figures: [], all: reader.takeSign('*') }
  if (list.all) return list
  do {
    const { at } = reader.token
    const fn = reader.takeFunction()
    const taken = new Set([...list.columns, ...list.figures].map(({ name }) => name))
    const named = (otherwise: string): string => {
      const name = reader.take('AS') ? reader.name() : otherwise
      if (taken.has(name)) throw syntaxFault(`two columns are called ${name.slice(0, 40)}`, at, 'name them with AS')
      if (taken.size >= fleetLimits.columns) throw limitFault(`more than ${fleetLimits.columns} columns`, at)
      return name
    }
    if (fn === undefined) {
      const { path, names } = reader.path()
      list.columns.push({ path, name: named(names.at(-1)!), at })
      continue
    }
    const figure = Object.hasOwn(figures, fn) ? figures[fn]! : undefined
    if (!figure) throw syntaxFault(`no figure ${fn.slice(0, 40)}`, at, `figures are ${Object.keys(figures).join(', ')}`)
    if (figure === 'count') reader.takeSign('*')
    const path = figure === 'count' ? undefined : reader.path().path
    reader.needSign(')')
    list.figures.push({ fn: figure, name: named(fn.toLowerCase()), ...(path && { path }) })
  } while (reader.takeSign(','))
  return list
}

function answerOf({ columns, figures, all }: Selection, grouped: readonly FleetPath[]): Pick<FleetQuery, 'select' | 'aggregate'> {
  if (!figures.length && !grouped.length) return all ? {} : { select: columns.map(({ name, path }) => ({ name, path })) }
  if (all) throw syntaxFault('* cannot be grouped', 0)
  if (grouped.length > fleetLimits.groupFields) throw limitFault(`more than ${fleetLimits.groupFields} fields of GROUP BY`)
  const keyOf = (path: FleetPath): string => path.join('\0')
  const keys = new Set(grouped.map(keyOf))
  const lone = columns.find(({ path }) => !keys.has(keyOf(path)))
  if (lone) throw syntaxFault(`${lone.name} is not in GROUP BY`, lone.at)
  const nameOf = (path: FleetPath): string => columns.find(column => keyOf(column.path) === keyOf(path))?.name ?? path.at(-1)!
  return { aggregate: { group: grouped.map(path => ({ name: nameOf(path), path })), figures } }
}

function alternatives(reader: AzureReader, budget: FleetBudget): FleetCondition {
  const of = [together(reader, budget)]
  while (reader.take('OR')) of.push(together(reader, budget))
  return of.length === 1 ? of[0]! : { op: 'or', of }
}

function together(reader: AzureReader, budget: FleetBudget): FleetCondition {
  const of = [one(reader, budget)]
  while (reader.take('AND')) of.push(one(reader, budget))
  return of.length === 1 ? of[0]! : { op: 'and', of }
}

function one(reader: AzureReader, budget: FleetBudget): FleetCondition {
  const { at } = reader.token
  if (reader.take('NOT')) return budget.within(at, () => ({ op: 'not', of: one(reader, budget) }))
  if (reader.takeSign('('))
    return budget.within(at, () => {
      const inside = alternatives(reader, budget)
      reader.needSign(')')
      return inside
    })
  budget.term(at)
  const fn = reader.takeFunction()
  if (fn !== undefined) return called(reader, fn, at)
  const constant = constantOf(reader)
  if (constant !== undefined) {
    const is = signOf(reader)
    return { op: 'cmp', path: reader.path().path, is: turned[is], value: constant.value }
  }
  const { path } = reader.path()
  const outside = reader.take('NIN')
  if (outside || reader.take('IN')) {
    const { at: listAt } = reader.token
    const values = listOf(reader)
    budget.term(listAt, values.length)
    const inside: FleetCondition = { op: 'in', path, values }
    return outside
      ? {
          op: 'and',
          of: [
            { op: 'exists', path },
            { op: 'not', of: inside },
          ],
        }
      : inside
  }
  const is = signOf(reader)
  const value = constantOf(reader)
  if (value === undefined) throw reader.fault('a value is expected', 'texts stand in single quotes')
  return { op: 'cmp', path, is, value: value.value }
}

function called(reader: AzureReader, fn: string, at: number): FleetCondition {
  if (fn !== 'IS_DEFINED' && fn !== 'IS_NULL' && fn !== 'STARTSWITH')
    throw syntaxFault(`no function ${fn.slice(0, 40)}`, at, 'functions are IS_DEFINED, IS_NULL, STARTSWITH')
  const { path } = reader.path()
  let condition: FleetCondition = fn === 'IS_NULL' ? { op: 'cmp', path, is: '=', value: null } : { op: 'exists', path }
  if (fn === 'STARTSWITH') {
    reader.needSign(',')
    const { kind, text, at: textAt } = reader.skip()
    if (kind !== 'text') throw syntaxFault('a text is expected', textAt)
    condition = { op: 'prefix', path, value: text }
  }
  reader.needSign(')')
  return condition
}

function signOf(reader: AzureReader): FleetComparison {
  const { kind, text } = reader.token
  const is = kind === 'sign' && Object.hasOwn(signs, text) ? signs[text] : undefined
  if (!is) throw reader.fault('a comparison is expected')
  reader.skip()
  return is
}

function constantOf(reader: AzureReader): { value: FleetScalar } | undefined {
  const { kind, text } = reader.token
  if (kind === 'text' || kind === 'number') {
    reader.skip()
    return { value: kind === 'text' ? text : Number(text) }
  }
  if (reader.take('TRUE')) return { value: true }
  if (reader.take('FALSE')) return { value: false }
  return reader.take('NULL') ? { value: null } : undefined
}

function listOf(reader: AzureReader): FleetScalar[] {
  reader.needSign('[')
  const values: FleetScalar[] = []
  do {
    const constant = constantOf(reader)
    if (!constant) throw reader.fault('a value is expected')
    values.push(constant.value)
  } while (reader.takeSign(','))
  reader.needSign(']')
  return values
}
