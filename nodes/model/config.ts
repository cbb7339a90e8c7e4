export const type = 'loom-model'

export const actions = ['put', 'get', 'list', 'delete', 'validate'] as const
export type ModelAction = (typeof actions)[number]

export interface ModelConfig {
  name: string
  hub: string
  action: ModelAction
  /** Typed input: `id`, `id;version`, or an object with more of it; nothing: of the document, or the model that the device follows. */
  model: string
  modelType: string
  /** put: what the document is written in */
  source: 'auto' | 'wot' | 'dtdl' | 'json-schema' | 'none'
  /** put: `keep`: as it is, of a new model `warn` */
  mode: 'keep' | 'off' | 'warn' | 'strict'
  /** put, with a mode: names that the model does not have are faults too */
  closed: boolean
  /** validate: what the payload is; `msg.about` wins */
  about: 'telemetry' | 'reported' | 'desired' | 'command' | 'answer'
  /** validate: of command and answer; `msg.method` wins */
  method: string
}
