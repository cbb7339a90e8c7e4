export const type = 'loom-twin-changed'

export interface TwinChangedConfig {
  name: string
  hub: string
  consumer: string
  /** comma-separated; empty: all */
  devices: string
  /** none chosen: all */
  sections: ('desired' | 'reported' | 'tags')[]
  /** members with dots between, comma-separated; empty: all */
  paths: string
  twins: 'all' | 'main' | 'named'
  /** of named twins, comma-separated; empty: all of them */
  shadows: string
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest'
  strictOrder: boolean
}

/** Members with dots between; none is empty. */
export const validPaths = (text: string | undefined): boolean =>
  (text ?? '').split(/[\s,]+/).every(path => !path || path.split('.').every(Boolean))
