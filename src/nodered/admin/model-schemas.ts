import { modelSources } from '../../twin/model/model.ts'
import type { Schema } from './schema.ts'
import { flag, free, listOf, object, open, refTo, text, textTo, time } from './shapes.ts'

const modes = ['off', 'warn', 'strict']
const mode: Schema = { type: 'string', enum: modes, description: 'warn: faults are told; strict: what has any is not taken' }
const closed: Schema = { type: 'boolean', description: 'names that the model does not have are faults' }
const names: Schema = { type: 'object', additionalProperties: { type: 'string' } }

export const newModel: Schema = object(
  {
    id: textTo(128, 'default: as the document says'),
    version: textTo(32, 'default: as the document says, else 1'),
    source: { type: 'string', enum: modelSources },
    document: {
      description:
        'Thing Model, DTDL Interface, JSON Schema, or a model in our own form; an array: the model, then what it refers to',
    },
    short: { ...names, description: 'names that devices send for longer ones' },
    placeholders: { ...free, description: 'values of `{{NAME}}` in a Thing Model' },
    mode,
    closed,
  },
  ['source', 'document'],
)

export const modelChange: Schema = object({ mode, closed })
export const modelDefault: Schema = object({ default: { description: 'name of a model, or null for none' } }, ['default'])

export const modelSample: Schema = object(
  {
    model: textTo(256, '`id;version`, or the id for the newest version'),
    telemetry: free,
    component: textTo(128),
    reported: free,
    desired: free,
    command: object({ name: textTo(256), payload: {}, answer: {} }, ['name']),
    closed,
  },
  ['model'],
)

const fault = object({ path: text, rule: text, message: text }, ['path', 'rule', 'message'])
export const faultsFound: Schema = open({ valid: flag, faults: listOf(fault), values: free }, ['valid', 'faults'])
export const modelFollowed: Schema = open(
  { by: { type: 'string', enum: ['registry', 'device', 'hub'] }, name: text, known: flag, version: text, mode, closed },
  [],
)

export const modelSchemas: Readonly<Record<string, Schema>> = {
  Model: open(
    {
      id: text,
      version: text,
      name: text,
      source: text,
      title: text,
      createdAt: time,
      mode,
      closed,
      warnings: listOf(object({ path: text, message: text }, ['path', 'message'])),
    },
    ['id', 'version', 'name', 'source', 'createdAt', 'mode', 'closed', 'warnings'],
  ),
}

export const oneModel = { description: 'the model', schema: refTo('Model') }
