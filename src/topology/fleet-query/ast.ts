import { LoomError } from '../../errors.ts'

export type FleetScalar = string | number | boolean | null
/** Names from the top of a device's document: `['tags', 'site']`. */
export type FleetPath = readonly string[]

/**
 * What must hold of a device. What is missing or of another type makes a comparison false, and its `not` true. A list holds what one of its members does.
 * `coerce`: texts that are numbers compare as such. `and` of nothing holds always, `or` of nothing never.
 */
export type FleetCondition =
  | { op: 'and'; of: readonly FleetCondition[] }
  | { op: 'or'; of: readonly FleetCondition[] }
  | { op: 'not'; of: FleetCondition }
  | { op: 'cmp'; path: FleetPath; is: FleetComparison; value: FleetScalar; coerce?: boolean }
  | { op: 'range'; path: FleetPath; from?: FleetBound; to?: FleetBound; coerce?: boolean }
  | { op: 'in'; path: FleetPath; values: readonly FleetScalar[] }
  | { op: 'prefix'; path: FleetPath; value: string }
  | { op: 'exists'; path: FleetPath }
  | { op: 'geoWithin'; path: FleetPath; lat: number; lon: number; radiusM: number }
  | { op: 'memberOf'; group: string }

export const comparisons = ['=', '!=', '<', '<=', '>', '>='] as const
export type FleetComparison = (typeof comparisons)[number]

export interface FleetBound {
  value: string | number
  /** the bound itself is not in */
  open?: boolean
}

/** A column of an answer. */
export interface FleetColumn {
  name: string
  path: FleetPath
}

export const figureFns = ['count', 'cardinality', 'min', 'max', 'avg', 'sum', 'percentiles', 'histogram'] as const

export interface FleetFigure {
  name: string
  fn: (typeof figureFns)[number]
  /** of all but `count` */
  path?: FleetPath
  /** of percentiles, 0 to 100 */
  percents?: readonly number[]
  /** of a histogram */
  width?: number
}

export interface FleetAggregation {
  group: readonly FleetColumn[]
  figures: readonly FleetFigure[]
}

/** What is asked for, whatever the syntax was. Without `select` and `aggregate`: devices as they are. */
export interface FleetQuery {
  where: FleetCondition
  select?: readonly FleetColumn[]
  aggregate?: FleetAggregation
  /** so many at most */
  top?: number
}

export const fleetDialects = ['aws', 'azure', 'json'] as const
export type FleetDialect = (typeof fleetDialects)[number]

export const everything: FleetCondition = { op: 'and', of: [] }

export const fleetLimits = {
  textChars: 8192,
  /** conditions, beside and, or, not */
  terms: 100,
  /** values of all lists */
  values: 1000,
  depth: 20,
  pathNames: 12,
  nameChars: 128,
  valueChars: 1024,
  columns: 20,
  groupFields: 3,
} as const

export const syntaxFault = (detail: string, position: number | string, hint?: string): LoomError =>
  new LoomError('QUERY_SYNTAX', `${detail} at ${position}`, { position, ...(hint !== undefined && { hint }) })

export const limitFault = (detail: string, position?: number | string): LoomError =>
  new LoomError('QUERY_LIMIT', detail, position === undefined ? {} : { position })

/** Counts what a query is made of while it is read. QUERY_LIMIT. */
export class FleetBudget {
  #terms = 0
  #values = 0
  #depth = 0

  term(position: number | string, values = 1): void {
    this.#terms++
    this.#values += values
    if (this.#terms > fleetLimits.terms) throw limitFault(`more than ${fleetLimits.terms} terms`, position)
    if (this.#values > fleetLimits.values) throw limitFault(`more than ${fleetLimits.values} values`, position)
  }

  /** Each level of brackets or NOT. */
  within<T>(position: number | string, read: () => T): T {
    if (++this.#depth > fleetLimits.depth) throw limitFault(`deeper than ${fleetLimits.depth} levels`, position)
    const made = read()
    this.#depth--
    return made
  }
}
