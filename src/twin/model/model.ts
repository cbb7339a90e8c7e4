/** JSON Schema 2020-12, the part of it that `cleanSchema` lets through. */
export type JsonSchema = boolean | { [keyword: string]: unknown }

export const modelSources = ['wot', 'json-schema', 'dtdl', 'none'] as const
export type ModelSource = (typeof modelSources)[number]

export interface ModelField {
  schema: JsonSchema
  title?: string
  unit?: string
}

export interface ModelProperty extends ModelField {
  /** false: only the device reports it, nobody desires it */
  writable: boolean
}

export interface ModelCommand {
  /** absent: whatever */
  request?: JsonSchema
  response?: JsonSchema
}

/** What a device, or one of its components, says and takes; by name. */
export interface ModelPart {
  telemetry: Record<string, ModelField>
  properties: Record<string, ModelProperty>
  commands: Record<string, ModelCommand>
}

/** A model in the one form that devices are held against, whatever it was written in. */
export interface Model extends ModelPart {
  source: ModelSource
  title?: string
  components: Record<string, ModelPart>
  /** schemas that others name by `#/$defs/..` */
  defs: Record<string, JsonSchema>
  /** of all values of a telemetry message together, if the model is one bare schema */
  body?: JsonSchema
  /** what it is made from, by id */
  extends: string[]
}

/** What an import leaves aside: `path` is the place in the document. */
export interface ModelWarning {
  path: string
  message: string
}

/** One thing that is not as the model says. */
export interface ModelFault {
  /** `temperature`, `thermostat1.targetTemperature`, `[2].position.lat`; `''` is the value itself */
  path: string
  /** the keyword of the schema, or `unknown`, `readOnly`, `short` */
  rule: string
  message: string
}

export const modelLimits = {
  documentBytes: 196_608,
  /** telemetry, properties and commands, those of components too */
  members: 2000,
  components: 100,
  shortKeys: 1000,
  /** versions of all models in one hub */
  stored: 1000,
} as const

export const emptyPart = (): ModelPart => ({ telemetry: {}, properties: {}, commands: {} })
