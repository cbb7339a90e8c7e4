import type { ModelRequest } from '../twin/model/import-model.ts'
import type { Model, ModelFault, ModelSource, ModelWarning } from '../twin/model/model.ts'

export const modelModes = ['off', 'warn', 'strict'] as const
/** `warn`: faults are events; `strict`: what is not as the model says is not taken. */
export type ModelMode = (typeof modelModes)[number]

/** How a model counts, all its versions. */
export interface ModelAttachment {
  /** default warn */
  mode: ModelMode
  /** names that the model does not have are faults too; default false */
  closed: boolean
}

export interface ModelView extends ModelAttachment {
  id: string
  version: string
  /** `id;version`, as devices name it */
  name: string
  source: ModelSource
  title?: string
  /** epoch ms */
  createdAt: number
  /** what its document says without a meaning here, by place */
  warnings: ModelWarning[]
}

export interface ModelDetail extends ModelView {
  document: unknown
  short: Record<string, string>
  placeholders?: Record<string, unknown>
  /** in the one form in which all of them are used */
  model: Model
}

/** The model that a device follows, and who says so: the registry's attribute `model`, the device itself when it connected, or the hub's default. */
export type ModelOfDevice =
  | { by: 'registry' | 'device' | 'hub'; name: string; known: false }
  | ({ by: 'registry' | 'device' | 'hub'; name: string; known: true; version: string } & ModelAttachment)

export interface ModelSample {
  /** `id;version`, or the id for the newest */
  model: string
  /** values of a message; `component`: of that one */
  telemetry?: Record<string, unknown>
  component?: string
  reported?: Record<string, unknown>
  desired?: Record<string, unknown>
  command?: { name: string; payload?: unknown; answer?: unknown }
  /** default: as the model is attached */
  closed?: boolean
}

/** News of what devices or flows say against a model; of one device at most ten a minute, `leftOut` counts what was more. */
export interface ModelEvent {
  type: 'model'
  at: number
  code: 'MODEL_VIOLATION' | 'MODEL_UNKNOWN'
  device: string
  /** as it was named */
  model: string
  mode?: ModelMode
  about?: 'telemetry' | 'reported' | 'desired' | 'command' | 'answer'
  faults?: ModelFault[]
  leftOut?: number
}

/** Models of devices. MODEL_UNKNOWN, MODEL_INVALID with the place in the document, DRIVER_MISSING without the package ajv. */
export interface ModelsApi {
  /** A version for ever; the same again is no change. MODEL_EXISTS, MODEL_LIMIT. */
  put(o: ModelRequest & Partial<ModelAttachment> & { by?: string }): Promise<ModelView>
  /** Without `version` the newest. */
  get(o: { id: string; version?: string }): Promise<ModelDetail | undefined>
  /** By id, the newest version first. */
  list(o: { prefix?: string; limit?: number; cursor?: string }): Promise<{ items: ModelView[]; next?: string }>
  /** One version or all. MODEL_IN_USE: the hub's default. */
  delete(o: { id: string; version?: string; by?: string }): Promise<void>
  attach(o: { id: string; by?: string } & Partial<ModelAttachment>): Promise<ModelAttachment>
  settings(o: Record<string, never>): Promise<{ default?: string }>
  /** `default`: the model of devices that nobody names one for; null: none. */
  setSettings(o: { default: string | null; by?: string }): Promise<{ default?: string }>
  /** Undefined: it follows none. */
  modelOf(o: { device: string }): Promise<ModelOfDevice | undefined>
  /** What the model would say; `values` is the telemetry by its long names. Nothing is stored. */
  validate(o: ModelSample): Promise<{ valid: boolean; faults: ModelFault[]; values?: Record<string, unknown> }>
}
