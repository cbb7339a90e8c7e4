import { LoomError } from '../errors.ts'
import { boundedRegExp, faultOf } from '../runtime/ajv-parts.ts'
import { formats } from '../twin/model/formats.ts'
import type { JsonSchema } from '../twin/model/model.ts'
import type { Validator } from '../twin/model/validator.ts'

type Library = Pick<typeof import('ajv/dist/2020.js'), 'Ajv2020'>

/**
 * JSON Schema by the library `ajv`, an optional package. It writes a function for each schema: of schemas that were cleaned only, with formats of our own, nothing that
 * is fetched, and patterns on texts as short as they can stand. The first fault ends a check. DRIVER_MISSING.
 */
export async function loadAjvValidator(load: () => Promise<Library> = () => import('ajv/dist/2020.js')): Promise<Validator> {
  const { Ajv2020 } = await load().catch(cause => {
    throw new LoomError('DRIVER_MISSING', 'ajv', { cause, hint: 'device models need it: npm install ajv' })
  })
  const settings = { strict: false, logger: false, formats: { ...formats }, code: { regExp: boundedRegExp } } as const
  const judge = new Ajv2020(settings)
  return {
    compile(schema: JsonSchema) {
      if (judge.validateSchema(schema) !== true)
        throw new LoomError('MODEL_INVALID', judge.errorsText(judge.errors).slice(0, 200))
      // An instance each, as it keeps every schema that it has seen; they can do without the schema of schemas.
      const ajv = new Ajv2020({ ...settings, meta: false, validateSchema: false })
      let check: ReturnType<typeof ajv.compile>
      try {
        check = ajv.compile(schema)
      } catch (error) {
        throw new LoomError('MODEL_INVALID', String((error as Error).message).slice(0, 200), { cause: error })
      }
      return value => {
        try {
          return check(value) ? undefined : faultOf(check.errors?.[0])
        } catch {
          // The stack has an end; a value that reaches it is not one that anybody meant.
          return { path: '', rule: 'depth', message: 'is nested too deep to be checked' }
        }
      }
    },
  }
}
