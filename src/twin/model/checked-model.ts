import { withoutSecrets } from '../../errors.ts'
import { isObject } from './json.ts'
import { rooted, schemasOf } from './import-model.ts'
import type { JsonSchema, Model, ModelFault, ModelPart } from './model.ts'
import type { Check, Validator } from './validator.ts'

type Values = Record<string, unknown>

export interface CheckOptions {
  /** names that the model does not have are faults; default they pass */
  closed?: boolean
}

/** What is said of one message at most. */
export const mostFaults = 10

/** A model as what devices say is held against it. Schemas are compiled when they are first needed. */
export class CheckedModel {
  readonly model: Model
  readonly short: ReadonlyMap<string, string>
  readonly #validator: Validator
  readonly #checks = new Map<JsonSchema, Check>()

  constructor(o: { model: Model; short: Readonly<Record<string, string>>; validator: Validator }) {
    this.model = o.model
    this.short = new Map(Object.entries(o.short))
    this.#validator = o.validator
  }

  /** Compiles all of it. MODEL_INVALID. */
  compileAll(): void {
    for (const [, schema] of schemasOf(this.model)) this.#check(schema)
  }

  /** The values by their long names: the same object where none is short. A name that is there in both forms is a fault. */
  expand(values: Values, path = ''): { values: Values; faults: ModelFault[] } {
    const { short } = this
    if (!short.size) return { values, faults: [] }
    const faults: ModelFault[] = []
    let expanded: Values | undefined
    for (const key of Object.keys(values)) {
      const name = short.get(key)
      if (name === undefined) continue
      if (Object.hasOwn(values, name)) {
        faults.push(shown({ path: below(path, key), rule: 'short', message: `stands for "${name}", which is there too` }))
        continue
      }
      // In the order in which they came.
      expanded ??= Object.fromEntries(Object.entries(values).map(([one, value]) => [short.get(one) ?? one, value]))
    }
    return { values: faults.length ? values : (expanded ?? values), faults }
  }

  /** Values of a telemetry message by their long names; `component`: of that one. */
  telemetry(values: Values, o: CheckOptions & { component?: string; path?: string } = {}): ModelFault[] {
    const { component, path = '', closed = false } = o
    const faults: ModelFault[] = []
    const { model } = this
    if (component === undefined && model.body !== undefined) {
      this.#look(model.body, values, path, faults)
      return faults
    }
    const part = component === undefined ? model : own(model.components, component)
    if (!part) {
      if (closed) faults.push(unknown(component!, 'component'))
      return faults
    }
    for (const name of Object.keys(values)) {
      const field = own(part.telemetry, name)
      if (field) this.#look(field.schema, values[name], below(path, name), faults)
      else if (closed) faults.push(unknown(below(path, name), 'telemetry'))
      if (faults.length >= mostFaults) break
    }
    return faults
  }

  /**
   * A section of a twin: `patch` says what was touched, `after` what is there then. What is removed is no fault. Of a `desired` one each property must be writable.
   */
  properties(section: 'desired' | 'reported', patch: Values, after: Values, { closed = false }: CheckOptions = {}): ModelFault[] {
    const faults: ModelFault[] = []
    for (const name of Object.keys(patch)) {
      if (patch[name] === null || faults.length >= mostFaults) continue
      const component = own(this.model.components, name)
      const [within, now] = [patch[name], after[name]]
      if (component && isObject(within) && isObject(now)) {
        // Azure's mark of a component in a twin.
        const { __t: _, ...members } = within
        this.#section(section, component, members, now, name, closed, faults)
      } else this.#section(section, this.model, { [name]: within }, after, '', closed, faults)
    }
    return faults.slice(0, mostFaults)
  }

  #section(
    section: 'desired' | 'reported',
    part: ModelPart,
    patch: Values,
    after: Values,
    path: string,
    closed: boolean,
    faults: ModelFault[],
  ): void {
    for (const name of Object.keys(patch)) {
      if (patch[name] === null) continue
      const property = own(part.properties, name)
      const place = below(path, name)
      if (!property) {
        if (closed) faults.push(unknown(place, 'property'))
      } else if (section === 'desired' && !property.writable)
        faults.push({ path: place, rule: 'readOnly', message: 'only the device reports it' })
      else {
        const value = after[name]
        const acknowledged = this.model.source === 'dtdl' && section === 'reported' && isAcknowledgement(value)
        this.#look(property.schema, acknowledged ? value.value : value, acknowledged ? below(place, 'value') : place, faults)
      }
    }
  }

  /** The payload of a command, or the answer to it. `name`: for a component's as Azure has it, `thermostat1*reboot`. */
  command(name: string, side: 'request' | 'response', payload: unknown, { closed = false }: CheckOptions): ModelFault[] {
    const star = name.indexOf('*')
    const part = star < 0 ? this.model : own(this.model.components, name.slice(0, star))
    const command = part && own(part.commands, name.slice(star + 1))
    if (!command) return closed ? [unknown('', 'command')] : []
    const faults: ModelFault[] = []
    const schema = command[side]
    if (schema !== undefined) this.#look(schema, payload ?? null, '', faults)
    return faults
  }

  #look(schema: JsonSchema, value: unknown, path: string, faults: ModelFault[]): void {
    const fault = this.#check(schema)(value)
    if (fault) faults.push(shown({ ...fault, path: below(path, fault.path) }))
  }

  #check(schema: JsonSchema): Check {
    let check = this.#checks.get(schema)
    if (!check) {
      check = this.#validator.compile(rooted(schema, this.model))
      this.#checks.set(schema, check)
    }
    return check
  }
}

/** How an Azure device confirms a writable property: with its value, a status and a version. */
const isAcknowledgement = (value: unknown): value is { value: unknown } =>
  isObject(value) && 'value' in value && typeof value.ac === 'number'

/** Faults are told to many; devices name their members as they like. */
const shown = ({ path, rule, message }: ModelFault): ModelFault => ({
  path: withoutSecrets(path).slice(0, 200),
  rule,
  message: withoutSecrets(message),
})

const unknown = (path: string, what: string): ModelFault =>
  shown({ path, rule: 'unknown', message: `the model has no such ${what}` })

const below = (path: string, key: string): string => (path && key && !key.startsWith('[') ? `${path}.${key}` : path + key)

const own = <T>(of: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(of, key) ? of[key] : undefined)

/** Faults in one line, for errors and logs: paths and what was expected, no values. */
export const faultText = (faults: readonly ModelFault[]): string =>
  faults
    .slice(0, 3)
    .map(({ path, rule, message }) => `${path || 'the value'} ${message} (${rule})`)
    .join('; ')
    .concat(faults.length > 3 ? `; ${faults.length - 3} more` : '')
    .slice(0, 400)
