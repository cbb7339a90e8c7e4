import { sha256Of, sorted } from '../avro/avro-canonical.ts'
import { unreadableJson } from './json-schema-compatibility.ts'
import { type JsonDocument, readJsonDocument } from './json-schema-document.ts'
import type { ReadSchema, SchemaFormat } from './schema-format.ts'

interface ReadJson extends ReadSchema {
  document: JsonDocument
}

export const jsonFormat: SchemaFormat = {
  type: 'JSON',
  read(source): ReadJson {
    const document = readJsonDocument(source)
    const text = JSON.stringify(sorted(document.root))
    const identity = [text, ...(source.references ?? []).map(({ name, schema }) => `${name} ${schema}`)].join('\n')
    return {
      document,
      identity,
      fingerprints: { sha256: sha256Of(text) },
      unreadable: writer => unreadableJson({ reader: document, writer: (writer as ReadJson).document }),
    }
  },
}
