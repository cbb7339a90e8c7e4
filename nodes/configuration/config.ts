export const type = 'loom-configuration'

export const actions = ['put', 'get', 'list', 'delete', 'promote', 'metrics'] as const
export type ConfigurationAction = (typeof actions)[number]

export interface ConfigurationConfig {
  name: string
  hub: string
  action: ConfigurationAction
  /** typed: an id */
  configuration: string
  configurationType: string
  /** put: what `msg.payload` does not say */
  dialect: 'aws' | 'azure' | 'json'
  query: string
  queryType: string
  priority: number | string
  desired: string
  desiredType: string
  /** put, promote: percent of the devices; empty: all */
  canary: number | string
  /** output 2: of what this node put or promoted, or of all configurations of the hub */
  progress: 'own' | 'all'
}

const empty = (value: unknown): boolean => value === '' || value === undefined || value === null

/** An integer, or nothing for the default. */
export const validPriority = (value: unknown): boolean =>
  empty(value) || (Number.isInteger(Number(value)) && Math.abs(Number(value)) <= 1_000_000)

/** A share above 0, to 100, or nothing for all. */
export const validCanary = (value: unknown): boolean => empty(value) || (Number(value) > 0 && Number(value) <= 100)

/** Of a field that is valid. */
export const numberIn = (value: unknown): number | undefined => (empty(value) ? undefined : Number(value))
