export const type = 'loom-query'

export const kinds = ['range', 'aggregate', 'downsample', 'last'] as const
export type QueryKind = (typeof kinds)[number]

export interface QueryConfig {
  name: string
  hub: string
  kind: QueryKind
  /** Typed inputs: text and its type. Lists are arrays or comma-separated. */
  devices: string
  devicesType: string
  points: string
  pointsType: string
  from: string
  fromType: string
  to: string
  toType: string
  everyMs: number
  maxPoints: number
  /** of aggregate */
  fn: string
  /** of downsample */
  shape: 'minmax' | 'lttb'
  order: 'asc' | 'desc'
  limit: number
  /** `one`: all pages in one message, up to `limit` readings; `pages`: a message each */
  answer: 'one' | 'pages'
}
