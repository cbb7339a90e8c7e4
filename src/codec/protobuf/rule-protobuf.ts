import type { Codec } from '../codec.ts'
import type { SchemaDetail, SubjectView } from '../registry/registered-schema.ts'
import type { SchemaText } from '../schema-text.ts'
import { openProtobuf } from './protobuf-codec.ts'

/** Where schemas come from; `changed` tells of each new version and answers how to stop. */
export interface RuleSchemas {
  list(o: { limit: number; cursor?: string }): Promise<{ items: SubjectView[]; next?: string }>
  get(o: { subject: string }): Promise<SchemaDetail | undefined>
  changed(listener: (subject: string) => void): () => void
}

/** What rules call for `decode(bytes, 'proto', subject, type)`. */
export interface RuleProtobuf {
  /** With the latest version of the subject. SCHEMA_UNKNOWN for a subject that is none of Protobuf, and as the codec throws. */
  decode(bytes: Uint8Array, subject: string, type: string): unknown
  close(): void
}

const page = 500

/**
 * Rules cannot wait: the schemas of Protobuf are at hand from the start, and each new one soon after it was registered; `failed` is told of one that could not be had. CODEC_UNAVAILABLE without
 * the package protobufjs.
 */
export async function openRuleProtobuf(schemas: RuleSchemas, failed: (error: unknown) => void): Promise<RuleProtobuf> {
  const codec: Codec = await openProtobuf()
  const texts = new Map<string, SchemaText>()
  const load = async (subject: string): Promise<void> => {
    const found = await schemas.get({ subject })
    if (found?.type !== 'PROTOBUF') {
      texts.delete(subject)
      return
    }
    const { id, type, schema, texts: references } = found
    texts.set(subject, { id, type, schema, references })
  }
  const stop = schemas.changed(subject => void load(subject).catch(failed))
  try {
    let cursor: string | undefined
    do {
      const { items, next } = await schemas.list({ limit: page, ...(cursor !== undefined && { cursor }) })
      for (const { subject, type } of items) if (type === 'PROTOBUF') await load(subject)
      cursor = next
    } while (cursor !== undefined)
  } catch (error) {
    stop()
    throw error
  }

  return {
    decode(bytes, subject, message) {
      const writer = texts.get(subject)
      return codec.decode(bytes, writer ? { schema: { writer, message, frame: 'bare' } } : {})
    },
    close: stop,
  }
}
