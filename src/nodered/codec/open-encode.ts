import type { NodeDef } from 'node-red'
import { LoomError } from '../../errors.ts'
import type { Behaviour, Context } from '../define.ts'
import { splitDelivery, tokenOf } from '../delivery.ts'
import { schemaSourceOf } from '../schema-source.ts'
import {
  cayenneOptionsOf,
  compressionOfField,
  csvOptionsOf,
  type FormatFields,
  formatOf,
  layoutOptionsOf,
  versionOf,
} from './decode-fields.ts'
import { createEncoder } from './encoder.ts'

export interface EncodeFields extends FormatFields {
  schemas?: string
  format?: string
  frame?: string
  compression?: string
  subject?: string
  version?: string
  schemaText?: string
}

const frames = ['auto', 'single', 'registry', 'container', 'bare'] as const

/** A node that makes bytes of values: NODE_CONFIG. */
export function openEncode(fields: EncodeFields & NodeDef, { RED, status }: Context): Behaviour {
  const frame = frames.find(one => one === (fields.frame || 'auto'))
  if (!frame) throw new LoomError('NODE_CONFIG', `frame "${fields.frame?.slice(0, 40)}"`, { hint: `one of ${frames.join(', ')}` })
  const encode = createEncoder({
    format: formatOf(fields.format || 'json'),
    compression: compressionOfField(fields.compression, ['none']),
    frame,
    timeMember: fields.timeMember?.trim() ?? '',
    csv: csvOptionsOf(fields),
    cayenne: cayenneOptionsOf(fields),
    layout: layoutOptionsOf(fields),
    message: fields.message?.trim() ?? '',
    schemaText: fields.schemaText?.trim() ?? '',
    subject: fields.subject?.trim() ?? '',
    version: versionOf(fields.version),
    schemas: fields.schemas ? schemaSourceOf(RED, fields.schemas) : undefined,
  })
  let count = 0
  status('ok', '0')
  return {
    async input(msg) {
      const messages = await encode(msg)
      const token = messages.length > 1 ? tokenOf(msg.delivery) : undefined
      const parts = token && splitDelivery(token, messages.length)
      count += messages.length
      status('ok', String(count))
      return [parts ? messages.map((made, i) => ({ ...made, delivery: parts[i] })) : messages]
    },
  }
}
