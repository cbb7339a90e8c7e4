import { LoomError } from '../../errors.ts'

/** The part of JSON Schema 2020-12 that the admin API describes itself in and checks requests with. */
export interface Schema {
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array'
  description?: string
  enum?: readonly string[]
  minimum?: number
  maximum?: number
  maxLength?: number
  items?: Schema
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  additionalProperties?: boolean | Schema
  $ref?: string
}

const matches: Record<NonNullable<Schema['type']>, (value: unknown) => boolean> = {
  string: value => typeof value === 'string',
  integer: value => Number.isSafeInteger(value),
  number: value => typeof value === 'number' && Number.isFinite(value),
  boolean: value => typeof value === 'boolean',
  array: value => Array.isArray(value),
  object: value => typeof value === 'object' && value !== null && !Array.isArray(value),
}

/** Throws REQUEST_INVALID with the path of the first fault as `position`. */
export function check(value: unknown, schema: Schema, at = 'body'): void {
  const fail = (detail: string): never => {
    throw new LoomError('REQUEST_INVALID', `${at} ${detail}`, { position: at })
  }
  if (schema.type && !matches[schema.type](value)) fail(`must be of type ${schema.type}`)
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? -Infinity)) fail(`must be at least ${schema.minimum}`)
    if (value > (schema.maximum ?? Infinity)) fail(`must be at most ${schema.maximum}`)
  }
  if (typeof value === 'string') {
    if (schema.enum && !schema.enum.includes(value)) fail(`must be one of ${schema.enum.join(', ')}`)
    if (value.length > (schema.maxLength ?? Infinity)) fail(`must have at most ${schema.maxLength} characters`)
  }
  if (Array.isArray(value) && schema.items) for (const [i, item] of value.entries()) check(item, schema.items, `${at}[${i}]`)
  if (schema.type === 'object' && (schema.properties || schema.additionalProperties !== undefined)) {
    checkObject(value as Record<string, unknown>, schema, at, fail)
  }
}

function checkObject(value: Record<string, unknown>, schema: Schema, at: string, fail: (detail: string) => never): void {
  const { properties = {}, required = [], additionalProperties = false } = schema
  for (const name of required) if (value[name] === undefined) fail(`lacks ${name}`)
  for (const [name, item] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (known) check(item, known, `${at}.${name}`)
    else if (additionalProperties === false) fail(`has the unknown property ${name.slice(0, 64)}`)
    else if (typeof additionalProperties === 'object') check(item, additionalProperties, `${at}.${name}`)
  }
}

const booleans = new Map([
  ['true', true],
  ['false', false],
])

/** A query or path parameter is text; the schema says what it stands for. Lists are comma-separated. */
export function parameterOf(text: string, schema: Schema, name: string): unknown {
  const value =
    schema.type === 'integer' || schema.type === 'number'
      ? text.trim() === ''
        ? text
        : Number(text)
      : schema.type === 'array'
        ? text.split(',').filter(Boolean)
        : schema.type === 'boolean'
          ? (booleans.get(text) ?? text)
          : text
  check(value, schema, name)
  return value
}
