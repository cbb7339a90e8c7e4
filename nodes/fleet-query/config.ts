export const type = 'loom-fleet-query'

export const dialects = ['aws', 'azure', 'json'] as const
export type Dialect = (typeof dialects)[number]

export interface FleetQueryConfig {
  name: string
  hub: string
  dialect: Dialect
  /** Typed input: text and its type. A text, or a condition as an object. */
  query: string
  queryType: string
  /** devices a page */
  limit: number
  /** `page`: the first page; `pages`: a message for each page; `each`: one for each device or row */
  answer: 'page' | 'pages' | 'each'
}

export const validLimit = (limit: unknown): boolean =>
  Number.isInteger(Number(limit)) && Number(limit) >= 1 && Number(limit) <= 1000
