import type { Schema } from './schema.ts'

export const text: Schema = { type: 'string' }
export const time: Schema = { type: 'integer', description: 'epoch ms' }
export const count: Schema = { type: 'integer' }
export const flag: Schema = { type: 'boolean' }
export const free: Schema = { type: 'object', additionalProperties: true }
export const textTo = (maxLength: number, description?: string): Schema => ({
  type: 'string',
  maxLength,
  ...(description !== undefined && { description }),
})
export const listOf = (items: Schema): Schema => ({ type: 'array', items })
export const object = (properties: Record<string, Schema>, required: string[] = [], more: Partial<Schema> = {}): Schema => ({
  type: 'object',
  properties,
  required,
  ...more,
})
/** Of an answer: it may have more members than are named. */
export const open = (properties: Record<string, Schema>, required: string[] = []): Schema =>
  object(properties, required, { additionalProperties: true })
export const refTo = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
export const pageOf = (items: Schema): Schema =>
  open({ items: listOf(items), next: { ...text, description: 'cursor of the next page' } }, ['items'])
