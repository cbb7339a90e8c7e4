import type { JsonSchema, ModelFault } from './model.ts'

/** The first fault of a value; its `path` begins below the value. */
export type Check = (value: unknown) => ModelFault | undefined

/** Compiles schemas that `cleanSchema` let through, each its own root. */
export interface Validator {
  /** MODEL_INVALID */
  compile(schema: JsonSchema): Check
}

/** DRIVER_MISSING where the library is not installed. */
export type LoadValidator = () => Promise<Validator>
