import type { SchemaText } from '../codec/schema-text.ts'
import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import { loadJsonSchemaChecks, type SchemaCheck } from '../runtime/json-schema-checks.ts'
import type { Reading } from '../telemetry/reading.ts'

/** Checks of JSON Schemas, one for each object that holds a schema; the library is loaded with the first. */
export function createChecks(): (text: SchemaText) => Promise<SchemaCheck> {
  const made = new WeakMap<SchemaText, SchemaCheck>()
  let library: ReturnType<typeof loadJsonSchemaChecks> | undefined
  return async text => {
    const known = made.get(text)
    if (known) return known
    library ??= loadJsonSchemaChecks()
    library.catch(() => {
      library = undefined
    })
    const check = (await library)(text)
    made.set(text, check)
    return check
  }
}

/** A version of a subject of type JSON, or the latest, as the hub has it now. SCHEMA_NOT_FOUND, SCHEMA_INVALID for one of another type. */
export class SubjectText {
  readonly #hub: Pick<Hub, 'schemas' | 'subscribe'>
  readonly #asked: { subject: string; version: number | 'latest' }
  readonly #leave: () => void
  #text: Promise<SchemaText> | undefined

  constructor(hub: Pick<Hub, 'schemas' | 'subscribe'>, asked: { subject: string; version: number | 'latest' }) {
    this.#hub = hub
    this.#asked = asked
    this.#leave = hub.subscribe(event => {
      // A hub that starts again may have told nobody.
      if (event.type === 'health' || (event.type === 'schema' && event.subject === asked.subject)) this.#text = undefined
    })
  }

  get(): Promise<SchemaText> {
    if (this.#text) return this.#text
    const asking = this.#ask()
    this.#text = asking
    asking.catch(() => {
      if (this.#text === asking) this.#text = undefined
    })
    return asking
  }

  close(): void {
    this.#leave()
  }

  async #ask(): Promise<SchemaText> {
    const found = await this.#hub.schemas.get(this.#asked)
    const name = `${this.#asked.subject.slice(0, 100)}, version ${this.#asked.version}`
    if (!found) throw new LoomError('SCHEMA_NOT_FOUND', name, { hint: 'register it' })
    const { id, type, schema, texts: references } = found
    if (type !== 'JSON') throw new LoomError('SCHEMA_INVALID', `${name} is of type ${type}`, { hint: 'choose one of type JSON' })
    return { id, type, schema, references }
  }
}

/** CODEC_INVALID for the first reading whose values do not fit, with `errors`; at `[i].` of several. */
export function assertFits(check: SchemaCheck, readings: readonly Reading[]): void {
  for (const [i, { values }] of readings.entries()) {
    const fault = check(values)
    if (!fault) continue
    const path = readings.length > 1 ? `[${i}]${fault.path && `.${fault.path}`}` : fault.path
    const error = new LoomError('CODEC_INVALID', `${path || 'the values'}: ${fault.message}`, { position: path })
    throw Object.assign(error, { errors: [{ ...fault, path }] })
  }
}
