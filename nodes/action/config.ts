import type { NamedTemplate } from '../../src/routing/action/template.ts'

export const type = 'loom-action'

export interface ActionConfig {
  name: string
  /** empty: retries only, nothing waits on disk */
  hub: string
  kind: 'webhook' | 'republish'
  /** template behind its host */
  url: string
  method: string
  /** values are templates */
  headers: NamedTemplate[]
  auth: 'none' | 'bearer' | 'basic' | 'header'
  /** user of `basic`, name of the header of `header` */
  authName: string
  /** template */
  topic: string
  qos: number
  /** values are templates */
  properties: NamedTemplate[]
  /** template; empty: the payload */
  body: string
  /** one action for each message, or for each reading of a batch */
  each: 'message' | 'reading'
  tries: number
  /** of one try */
  timeoutS: number
}

export interface ActionCredentials {
  secret: string
}

/** Of a node that was just dragged into a flow. */
export const defaults: ActionConfig = {
  name: '',
  hub: '',
  kind: 'webhook',
  url: '',
  method: 'POST',
  headers: [],
  auth: 'none',
  authName: '',
  topic: '',
  qos: 0,
  properties: [],
  body: '',
  each: 'message',
  tries: 3,
  timeoutS: 10,
}
