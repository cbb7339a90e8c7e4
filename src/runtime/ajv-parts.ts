import type { ErrorObject } from 'ajv'
import { LoomError } from '../errors.ts'
import type { ModelFault } from '../twin/model/model.ts'
import { judgePattern } from '../twin/model/pattern.ts'

/** The patterns of schemas: only those that end soon, on texts no longer than they can stand. MODEL_INVALID. */
export function boundedRegExp(pattern: string, flags: string) {
  const verdict = judgePattern(pattern)
  if ('refused' in verdict) throw new LoomError('MODEL_INVALID', `pattern: ${verdict.refused}`)
  const expression = new RegExp(pattern, flags)
  return { test: (text: string) => text.length <= verdict.mostChars && expression.test(text) }
}
// It would name what stands for the function in code that is written to a file, which is never done.
boundedRegExp.code = 'new RegExp'

/** The first that a check has found, with its path below the value. */
export function faultOf(error: ErrorObject | undefined): ModelFault {
  const { instancePath = '', keyword: rule = 'schema', message = 'is not valid', params = {} } = error ?? {}
  const named =
    rule === 'additionalProperties' ? params.additionalProperty : rule === 'required' ? params.missingProperty : undefined
  const allowed = rule === 'enum' ? ` (${JSON.stringify(params.allowedValues).slice(0, 80)})` : ''
  const text = named === undefined ? message + allowed : rule === 'required' ? 'is missing' : 'is more than the schema has'
  return { path: pathOf(instancePath, named === undefined ? undefined : String(named)), rule, message: text.slice(0, 160) }
}

/** A JSON pointer as paths are written here: `position.lat`, `values[3]`. */
function pathOf(pointer: string, last?: string): string {
  const parts = pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (last !== undefined) parts.push(last)
  return parts
    .map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i ? `.${part.slice(0, 64)}` : part.slice(0, 64)))
    .join('')
    .slice(0, 200)
}
