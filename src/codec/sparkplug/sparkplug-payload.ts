import type { SparkplugType } from './sparkplug-types.ts'

/** A payload as plain values. Times: epoch ms UTC. */
export interface SparkplugPayload {
  timestamp?: number
  /** 0 to 255 */
  seq?: number
  uuid?: string
  /** base64 */
  body?: string
  metrics: SparkplugMetric[]
}

/** What is of a metric and of the values within properties and templates. */
export interface SparkplugTyped {
  type?: SparkplugType
  /** Whole numbers beyond 2^53 as decimal text, bytes as base64, arrays as lists; null if it is said to be null. */
  value: unknown
}

export interface SparkplugMetric extends SparkplugTyped {
  name?: string
  alias?: number | string
  timestamp?: number
  historical?: true
  transient?: true
  metadata?: SparkplugMetadata
  properties?: Record<string, SparkplugTyped>
}

export interface SparkplugMetadata {
  multiPart?: boolean
  contentType?: string
  size?: number | string
  seq?: number | string
  fileName?: string
  fileType?: string
  md5?: string
  description?: string
}

/** The value of a metric of type DataSet. */
export interface SparkplugDataSet {
  columns: string[]
  types: SparkplugType[]
  rows: unknown[][]
}

/** The value of a metric of type Template: an instance of the one called `ref`, or a definition. */
export interface SparkplugTemplate {
  version?: string
  ref?: string
  definition?: true
  metrics: SparkplugMetric[]
  parameters?: ({ name: string } & SparkplugTyped)[]
}
