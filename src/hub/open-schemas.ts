import { avroFormat } from '../codec/registry/avro-format.ts'
import { jsonFormat } from '../codec/registry/json-format.ts'
import { openProtobufFormat } from '../codec/registry/protobuf-format.ts'
import { openSchemaRegistry } from '../codec/registry/registry.ts'
import type { LoadFormat, SchemaFormat } from '../codec/registry/schema-format.ts'
import type { JournalPort } from '../journal/journal-port.ts'
import type { StateStore } from '../storage/state-store.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { HubEvent } from './hub.ts'
import type { SchemasApi } from './hub-schemas.ts'
import type { Problems } from './problems.ts'
import { createSchemasApi } from './schemas-api.ts'

export interface SchemasHouse {
  state: StateStore
  journal: Pick<JournalPort, 'deadLetters' | 'replayDeadLetter'>
  trail: Pick<AuditTrail, 'write'>
  problems: Pick<Problems, 'set'>
  emit(event: HubEvent): void
  now: () => number
  load?: LoadFormat
}

/** The registry of schemas; formats that need a package are loaded when the first schema of theirs comes. */
export async function openSchemas(house: SchemasHouse): Promise<SchemasApi> {
  const { state, trail, now, load = createFormats() } = house
  const registry = await openSchemaRegistry({ state, load, now, audit: deed => trail.write('state', deed) })
  return createSchemasApi({ ...house, registry })
}

function createFormats(): LoadFormat {
  let protobuf: Promise<SchemaFormat> | undefined
  return async type => {
    if (type !== 'PROTOBUF') return type === 'AVRO' ? avroFormat : jsonFormat
    protobuf ??= openProtobufFormat().catch(error => {
      // It may be installed by the next time.
      protobuf = undefined
      throw error
    })
    return protobuf
  }
}
