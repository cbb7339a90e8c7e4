import type { Language } from './compile-context.ts'
import { readPayload, readSource } from './compile-path.ts'
import { conditionOperators } from './condition-operators.ts'
import { secretShape } from './external-shapes.ts'
import { conditionFunction, conditionFunctionNames } from './functions/condition-functions.ts'
import { externalFunctions } from './functions/external-functions.ts'
import { sqlFunction, sqlFunctionNames } from './functions/sql-functions.ts'
import { type OperatorOptions, sqlOperators } from './operators.ts'
import type { FunctionShape } from './token-reader.ts'

/** The functions of SQL as its parser sees them. */
export const sqlShapes: ReadonlyMap<string, FunctionShape> = new Map<string, FunctionShape>([
  ...sqlFunctionNames.map(name => [name, sqlFunction(name)!] as const),
  ...externalFunctions.map(shape => [shape.name, { ...shape, external: true }] as const),
])

/** Those of action templates. */
export const templateShapes: ReadonlyMap<string, FunctionShape> = new Map([
  ...sqlShapes,
  ['get_secret', { ...secretShape, external: true }],
])

export const conditionShapes: ReadonlyMap<string, FunctionShape> = new Map(
  conditionFunctionNames.map(name => [name, conditionFunction(name)!]),
)

/** AWS IoT SQL with the given settings; equal settings give the same language. */
export function sqlLanguage({ logic = 'three-valued', integerDivision = 'decimal' }: OperatorOptions): Language {
  const prefix = `sql ${logic} ${integerDivision} `
  let language = dialects.get(prefix)
  if (!language) {
    const operators = sqlOperators({ logic, integerDivision })
    language = { name: 'sql', prefix, operators, functionOf: sqlFunction, readPath: readPayload }
    dialects.set(prefix, language)
  }
  return language
}

const dialects = new Map<string, Language>()

/** The routing conditions of Azure IoT Hub. */
export const conditionLanguage: Language = {
  name: 'condition',
  prefix: 'condition ',
  operators: conditionOperators,
  functionOf: conditionFunction,
  readPath: readSource,
}
