export const type = 'loom-store'

export interface StoreConfig {
  name: string
  hub: string
  /** retention class */
  class: 'default' | 'raw' | 'kpi'
  /** stored under this stream; empty: the reading's own */
  stream: string
  duplicates: 'merge' | 'first' | 'all'
  /** ends the delivery of a journal message once it is stored */
  acknowledge: boolean
}
