import type { SchemaText } from '../codec/schema-text.ts'
import { LoomError } from '../errors.ts'
import { formats } from '../twin/model/formats.ts'
import type { ModelFault } from '../twin/model/model.ts'
import { boundedRegExp, faultOf } from './ajv-parts.ts'

/** What a value has against a schema: the first fault, as whoever sends the values decides how many there would be. */
export type SchemaCheck = (value: unknown) => ModelFault | undefined

const settings = { strict: false, logger: false, formats: { ...formats }, code: { regExp: boundedRegExp } } as const

/**
 * Checks of JSON Schemas, draft 2020-12 and, by their `$schema`, draft-07; a `$ref` leads into the schema itself or its references. The library `ajv` writes a function for each, so
 * that they must come from people who may register them. DRIVER_MISSING without the library; SCHEMA_INVALID of a schema.
 */
export async function loadJsonSchemaChecks(): Promise<(text: SchemaText) => SchemaCheck> {
  const [{ Ajv2020 }, { Ajv }] = await Promise.all([import('ajv/dist/2020.js'), import('ajv')]).catch(cause => {
    throw new LoomError('DRIVER_MISSING', 'ajv', { cause, hint: 'checks of values need it: npm install ajv' })
  })
  const judges = { '2020-12': new Ajv2020(settings), 'draft-07': new Ajv(settings) }
  return ({ schema, references = [] }) => {
    const root = JSON.parse(schema) as object | boolean
    const draft = draftOf(root)
    const judge = judges[draft]
    try {
      if (judge.validateSchema(root) !== true) throw new Error(judge.errorsText(judge.errors))
      // An instance each, so that no two names of schemas meet.
      const own = { ...settings, meta: false, validateSchema: false }
      const ajv = draft === '2020-12' ? new Ajv2020(own) : new Ajv(own)
      for (const { name, schema: text } of references) ajv.addSchema(JSON.parse(text), name)
      const check = ajv.compile(root)
      return value => {
        try {
          return check(value) ? undefined : faultOf(check.errors?.[0])
        } catch {
          // A schema may refer to itself and a value lead it in, until the stack ends.
          return { path: '', rule: 'depth', message: 'is nested too deep to be checked' }
        }
      }
    } catch (cause) {
      throw new LoomError('SCHEMA_INVALID', String((cause as Error).message).slice(0, 200), { cause })
    }
  }
}

function draftOf(root: object | boolean): '2020-12' | 'draft-07' {
  const said = (root as { $schema?: unknown }).$schema ?? '2020-12'
  for (const draft of ['2020-12', 'draft-07'] as const) if (String(said).includes(draft)) return draft
  throw new LoomError('SCHEMA_INVALID', `$schema ${JSON.stringify(said)?.slice(0, 80)}`, {
    hint: 'draft 2020-12 or draft-07',
    position: '$schema',
  })
}
