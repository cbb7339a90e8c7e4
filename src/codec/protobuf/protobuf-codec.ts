import type { Reader, Type } from 'protobufjs'
import { LoomError } from '../../errors.ts'
import { idOf } from '../avro/avro-codec.ts'
import { AvroInput } from '../avro/avro-input.ts'
import { AvroOutput } from '../avro/avro-output.ts'
import type { Codec } from '../codec.ts'
import { malformed, truncated, unfit } from '../fault.ts'
import { assertInput } from '../input.ts'
import { frameOf, registryFrame } from '../schema-frames.ts'
import { type ChosenSchema, chosenSchema, type SchemaText } from '../schema-text.ts'
import { plainMessage } from './protobuf-read.ts'
import { loadProtobuf, type ProtobufSchema } from './protobuf-schema.ts'
import { messageParts } from './protobuf-write.ts'

const deepest = 64

/**
 * Protobuf with the schema in the context, a `ChosenSchema` or a text; its message is the one that the context or the frame of a registry names, else the first. A wrong message decodes to
 * garbage without a word: name it. CODEC_UNAVAILABLE without the package protobufjs.
 */
export async function openProtobuf(): Promise<Codec> {
  const library = await loadProtobuf()
  const compiled = new WeakMap<SchemaText, ProtobufSchema>()
  const compile = (text: SchemaText): ProtobufSchema => {
    const known = compiled.get(text) ?? library.read(text)
    compiled.set(text, known)
    return known
  }
  const need = (schema: unknown, bytes?: Uint8Array): ChosenSchema => {
    const chosen = chosenSchema(schema, 'PROTOBUF')
    if (chosen) return chosen
    const found = bytes && frameOf(bytes)
    const key = found?.frame === 'registry' ? found.key : undefined
    throw new LoomError('SCHEMA_UNKNOWN', key ?? 'the context names none', { ...(key !== undefined && { position: key }) })
  }

  return {
    name: 'protobuf',

    decode(bytes, context) {
      assertInput('Protobuf', bytes, context)
      const chosen = need(context.schema, bytes)
      const schema = compile(chosen.writer)
      const found = chosen.frame === 'bare' ? undefined : frameOf(bytes)
      const framed = found?.frame === 'registry' && (chosen.frame === 'registry' || found.id === chosen.writer.id)
      const { type: inFrame, at } = framed ? messageAt(bytes, found.body, schema) : { type: undefined, at: 0 }
      const type = chosen.message === undefined ? (inFrame ?? schema.messages[0]!) : messageCalled(schema, chosen.message)
      return plainMessage(type, decoded(type, library.readerOf(bytes.subarray(at)), at))
    },

    encode(value, { schema: given }) {
      const chosen = need(given)
      const schema = compile(chosen.writer)
      const type = chosen.message === undefined ? schema.messages[0]! : messageCalled(schema, chosen.message)
      const body = type.encode(messageParts(type, value)).finish()
      const { frame = chosen.writer.id === undefined ? 'bare' : 'registry' } = chosen
      if (frame === 'bare') return body
      if (frame !== 'registry') throw unfit('Protobuf', '', `there is no frame ${frame}`)
      const output = new AvroOutput()
      output.put(registryFrame(idOf(chosen.writer)))
      const path = indexOf(schema, type)
      // The first message is so usual that it has a form of its own.
      if (path.length === 1 && path[0] === 0) output.long(0)
      else for (const index of [path.length, ...path]) output.long(index)
      output.put(body)
      return output.bytes
    },
  }
}

function decoded(type: Type, reader: Reader, from: number): object {
  try {
    return type.decode(reader)
  } catch (cause) {
    const message = String((cause as Error).message)
    const at = from + Math.min(reader.pos, reader.len)
    if (cause instanceof RangeError && message.startsWith('index out of range')) throw truncated('Protobuf', at)
    if (message === 'max depth exceeded')
      throw new LoomError('CODEC_LIMIT', `Protobuf, byte ${at}: more than ${deepest} deep`, { position: at, cause })
    throw malformed('Protobuf', at, message.slice(0, 100), cause)
  }
}

/** The message that the indexes in a frame lead to, each into what is inside the one before. */
function messageAt(bytes: Uint8Array, from: number, schema: ProtobufSchema): { type: Type; at: number } {
  const input = new AvroInput(bytes, from)
  const depth = input.int()
  if (depth < 0 || depth > deepest) return input.bad(`a path of ${depth} messages`)
  let [type, inside]: [Type | undefined, readonly Type[]] = [undefined, schema.messages]
  for (let i = 0; i < Math.max(1, depth); i++) {
    const index = depth === 0 ? 0 : input.int()
    type = inside[index] ?? input.bad(`message ${index} of ${inside.length}`)
    inside = messagesIn(type)
  }
  return { type: type!, at: input.pos }
}

const messagesIn = (type: Type): Type[] => type.nestedArray.filter((one): one is Type => 'fieldsArray' in one)

function indexOf(schema: ProtobufSchema, type: Type): number[] {
  const top = schema.messages.indexOf(type)
  if (top >= 0) return [top]
  const { parent } = type
  if (!parent || !('fieldsArray' in parent)) throw unfit('Protobuf', '', `${type.name} is not in the schema itself`)
  return [...indexOf(schema, parent as Type), messagesIn(parent as Type).indexOf(type)]
}

function messageCalled({ root, messages }: ProtobufSchema, name: string): Type {
  try {
    return messages.find(message => message.name === name) ?? root.lookupType(name)
  } catch (cause) {
    throw new LoomError('SCHEMA_NOT_FOUND', `message ${JSON.stringify(name.slice(0, 80))}`, { cause })
  }
}
