import { avroFingerprints, resolutionText } from '../avro/avro-canonical.ts'
import { namesOf } from '../avro/avro-codec.ts'
import { createResolution } from '../avro/avro-resolution.ts'
import { readAvroSchema } from '../avro/avro-schema.ts'
import type { AvroType } from '../avro/avro-type.ts'
import type { ReadSchema, SchemaFormat } from './schema-format.ts'

interface ReadAvro extends ReadSchema {
  root: AvroType
}

/** Schemas of Avro are the same if data of them is read and resolved alike: unlike the fingerprints, that counts aliases, defaults and logical types. */
export const avroFormat: SchemaFormat = {
  type: 'AVRO',
  read({ schema, references = [] }): ReadAvro {
    const { root } = readAvroSchema(schema, namesOf(references))
    return {
      root,
      identity: resolutionText(root),
      fingerprints: avroFingerprints(root),
      unreadable: writer => createResolution().faults((writer as ReadAvro).root, root),
    }
  },
}
