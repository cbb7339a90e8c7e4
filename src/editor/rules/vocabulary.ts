import { conditionFunction, conditionFunctionNames } from '../../routing/functions/condition-functions.ts'
import { externalFunctions } from '../../routing/functions/external-functions.ts'
import { sqlFunction, sqlFunctionNames } from '../../routing/functions/sql-functions.ts'
import type { Vocabulary } from './question.ts'

/** The functions of both languages as they are written. */
export const vocabulary = (): Vocabulary => ({
  sql: [
    ...sqlFunctionNames.map(name => ({ name, signature: sqlFunction(name)!.signature })),
    ...externalFunctions.map(({ name, signature }) => ({ name, signature })),
    { name: 'cast', signature: 'cast(V AS type)' },
  ].sort((a, b) => (a.name < b.name ? -1 : 1)),
  condition: conditionFunctionNames.map(name => ({ name: name.toUpperCase(), signature: conditionFunction(name)!.signature })),
})
