import type { NodeAPI } from 'node-red'
import type { CodecContext } from '../codec/codec.ts'
import {
  chooseSchema,
  type DeviceFacts,
  type NamedSchema,
  needsDevice,
  type SchemaRules,
} from '../codec/registry/choose-schema.ts'
import type { SchemaAsked, SchemaDetail } from '../codec/registry/registered-schema.ts'
import type { FrameFound } from '../codec/schema-frames.ts'
import type { ChosenSchema, SchemaText } from '../codec/schema-text.ts'
import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import { Lru } from '../identity/lru.ts'

export interface SchemaSourceOptions extends SchemaRules {
  /** What values shall look like: as the newest version of the writer's subject says, as they were written, or as a version says that is pinned. */
  reader: 'latest' | 'writer' | NamedSchema
  /** Where a device reports its firmware: dotted path in the main twin. */
  firmwarePath: string
}

/** `unknown`: fingerprint or `id:n` that nobody has registered, the key of its letters. */
export type SchemaFound = ChosenSchema | { unknown: string } | { none: true }

/** Schemas of payloads, by way of a hub, remembered. */
export interface SchemaSource {
  /** Which schema wrote the bytes, and how they shall be read; `none`: neither the bytes nor a rule name one. SCHEMA_NOT_FOUND if a rule names one that is not there. */
  schemaFor(bytes: Uint8Array, context: CodecContext): Promise<SchemaFound>
  /** The schema to write with: what the context or a rule names. SCHEMA_NOT_FOUND if there is none. */
  schemaToWrite(context: CodecContext): Promise<ChosenSchema>
  close(): void
}

const kept = 1000
/** A schema does not change, but which is the latest does; the event of it may be lost. */
const keepMs = 60_000
const noBytes = new Uint8Array()

export function createSchemaSource(
  hub: () => Promise<Hub>,
  { rules, fallback, reader, firmwarePath }: SchemaSourceOptions,
  now: () => number = Date.now,
): SchemaSource {
  const choosing: SchemaRules = { rules, ...(fallback && { fallback }) }
  const details = new Lru<string, { at: number; detail: Promise<SchemaDetail | undefined> }>(kept)
  const texts = new Lru<number, SchemaText>(kept)
  const facts = new Lru<string, { at: number; facts: Promise<DeviceFacts> }>(kept)
  let leave: (() => void) | undefined
  let listening: Promise<Hub> | undefined
  let closed = false

  const listened = (): Promise<Hub> => {
    listening ??= hub().then(found => {
      if (closed) return found
      leave = found.subscribe(event => {
        if (event.type === 'schema') details.clear()
        else if (event.type === 'twin' && event.section === 'reported') facts.delete(event.device)
        else if (event.type === 'device') facts.delete(event.id)
      })
      return found
    })
    listening.catch(() => {
      listening = undefined
    })
    return listening
  }

  function remembered(key: string, asked: SchemaAsked): Promise<SchemaDetail | undefined> {
    const known = details.get(key)
    if (known && now() - known.at < keepMs) return known.detail
    const detail = listened().then(found => found.schemas.get(asked))
    details.set(key, { at: now(), detail })
    // A hub that is away now may be back with the next message, and what is unknown be registered: its letters may come back before the event of it.
    const forget = (): void => {
      if (details.get(key)?.detail === detail) details.delete(key)
    }
    detail.then(found => found ?? forget(), forget)
    return detail
  }
  const byName = ({ subject, version = 'latest' }: NamedSchema) => remembered(`${subject} ${version}`, { subject, version })
  const byFrame = async (frame: Exclude<FrameFound, { frame: 'container' }>): Promise<SchemaDetail | undefined> => {
    const found = await remembered(frame.key, frame.frame === 'single' ? { fingerprint: frame.crc64 } : { id: frame.id })
    return found && (frame.frame === 'registry' || found.type === 'AVRO') ? found : undefined
  }

  /** One object a schema: codecs compile it once. */
  const textOf = ({ id, type, schema, texts: references }: SchemaDetail): SchemaText => {
    const known = texts.get(id)
    if (known) return known
    const text: SchemaText = { type, schema, id, ...(references.length && { references }) }
    texts.set(id, text)
    return text
  }

  async function deviceFacts(device: string): Promise<DeviceFacts> {
    const known = facts.get(device)
    if (known && now() - known.at < keepMs) return known.facts
    const asked = listened().then(async found => {
      const wanted = new Set(rules.map(({ kind }) => kind))
      const [twin, model] = await Promise.all([
        wanted.has('firmware') ? absentIfUnknown(found.twins.get({ id: device })) : undefined,
        wanted.has('model') ? absentIfUnknown(found.models.modelOf({ device })) : undefined,
      ])
      return { firmware: twin && firmwareIn(twin.reported, firmwarePath), model: model?.name }
    })
    facts.set(device, { at: now(), facts: asked })
    asked.catch(() => facts.delete(device))
    return asked
  }
  const choice = async (bytes: Uint8Array, context: CodecContext) =>
    chooseSchema(
      bytes,
      context,
      context.device !== undefined && needsDevice(bytes, context, choosing) ? await deviceFacts(context.device) : {},
      choosing,
    )

  async function readerOf(writer: SchemaDetail): Promise<SchemaText | undefined> {
    if (reader === 'writer' || writer.type !== 'AVRO') return undefined
    const found = await byName(reader === 'latest' ? { subject: writer.subject } : reader)
    if (!found && reader !== 'latest') throw missing(reader)
    return found && textOf(found)
  }
  const chosen = async (writer: SchemaDetail, more: Omit<ChosenSchema, 'writer'>): Promise<ChosenSchema> => {
    const asReader = await readerOf(writer)
    return { writer: textOf(writer), ...(asReader && { reader: asReader }), ...more }
  }

  return {
    async schemaFor(bytes, context) {
      const { frame, named } = await choice(bytes, context)
      if (frame?.frame === 'container') {
        const pinned = typeof reader === 'object' ? reader : reader === 'latest' ? named : undefined
        const found = pinned && (await byName(pinned))
        const text: SchemaText = found ? textOf(found) : ownSchema
        return { writer: text, frame: 'container', ...(found && { reader: text }) }
      }
      const inBand = frame && (await byFrame(frame))
      if (inBand) {
        const message = named?.subject === inBand.subject ? named.message : undefined
        return chosen(inBand, { frame: frame.frame, ...(message && { message }) })
      }
      // A frame that nobody knows may be the beginning of a bare value, if there is more than a default to say so.
      if (named && !(frame && named.by === 'default')) {
        const writer = await byName(named)
        if (!writer) throw missing(named)
        return chosen(writer, { frame: 'bare', ...(named.message && { message: named.message }) })
      }
      return frame ? { unknown: frame.key } : { none: true }
    },

    async schemaToWrite(context) {
      const { named } = await choice(noBytes, context)
      if (!named)
        throw new LoomError('SCHEMA_NOT_FOUND', 'neither the message nor a rule names one', { hint: 'set a default schema' })
      const found = await byName(named)
      if (!found) throw missing(named)
      return { writer: textOf(found), ...(named.message && { message: named.message }) }
    },

    close() {
      closed = true
      leave?.()
    },
  }
}

/** Container files bring theirs along. */
const ownSchema: SchemaText = { type: 'AVRO', schema: '"null"' }

const missing = ({ subject, version }: NamedSchema): LoomError =>
  new LoomError('SCHEMA_NOT_FOUND', `${subject.slice(0, 100)}${version === undefined ? '' : `, version ${version}`}`, {
    hint: 'register it',
  })

/** A device that the hub does not know has neither twin nor model. */
async function absentIfUnknown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof LoomError && error.status === 404) return undefined
    throw error
  }
}

function firmwareIn(reported: object, path: string): string | undefined {
  let here: unknown = reported
  for (const part of path.split('.'))
    here =
      typeof here === 'object' && here !== null && Object.hasOwn(here, part) ? (here as Record<string, unknown>)[part] : undefined
  return typeof here === 'string' || typeof here === 'number' ? String(here) : undefined
}

/** The source that a config node `loom-schema` offers. NODE_CONFIG if there is no such node. */
export function schemaSourceOf(RED: NodeAPI, id: string | undefined): SchemaSource {
  const node = id ? (RED.nodes.getNode(id) as { source?: SchemaSource } | null) : undefined
  if (node?.source) return node.source
  throw new LoomError('NODE_CONFIG', 'no schemas are chosen', { hint: 'choose a loom-schema node' })
}
