import type { SchemaVersion } from '../codec/registry/registered-schema.ts'
import type { SchemaRegistry } from '../codec/registry/registry.ts'
import type { JournalPort } from '../journal/journal-port.ts'
import type { HubEvent } from './hub.ts'
import type { SchemasApi } from './hub-schemas.ts'
import { replayLetters } from './letter-replay.ts'
import type { Problems } from './problems.ts'

/** Calls of the replay for one schema: 10,000 letters each. */
const mostReplays = 100

/** The registry as people and flows ask for it. A new version is an event; letters that wait for it are offered by it, or replayed before it is told. */
export function createSchemasApi(o: {
  registry: SchemaRegistry
  journal: Pick<JournalPort, 'deadLetters' | 'replayDeadLetter'>
  problems: Pick<Problems, 'set'>
  emit(event: HubEvent): void
  now: () => number
}): SchemasApi {
  const { registry, journal, problems, emit, now } = o

  /** Letters wait under the fingerprint or the id that their bytes named. */
  async function replay({ id, fingerprints: { crc64, sha256 } }: SchemaVersion): Promise<number> {
    let sum = 0
    for (const key of [crc64, sha256, `id:${id}`]) {
      if (key === undefined) continue
      for (let calls = 0; calls < mostReplays; calls++) {
        const { replayed, more } = await replayLetters(journal, { reason: 'schema-unknown', key })
        sum += replayed
        if (!more) break
      }
    }
    return sum
  }

  async function tell(version: SchemaVersion): Promise<void> {
    let replayed: number | undefined
    if (registry.settings.replay === 'start')
      try {
        replayed = await replay(version)
      } catch (error) {
        // It is registered all the same, and the letters wait on.
        problems.set('letters that wait for a schema', error)
      }
    const { subject, version: number, id, type: schemaType, fingerprints } = version
    emit({
      ...{ type: 'schema', at: now(), subject, version: number, id, schemaType, fingerprints },
      ...(replayed !== undefined && { replayed }),
    })
  }

  return {
    async register(asked) {
      const { version, created } = await registry.register(asked)
      if (created) await tell(version)
      return version
    },
    get: asked => registry.get(asked),
    find: asked => registry.find(asked),
    list: async asked => registry.list(asked),
    delete: async asked => ({ versions: await registry.delete(asked) }),
    compatibility: async asked => registry.compatibility(asked),
    setCompatibility: asked => registry.setCompatibility(asked),
    check: asked => registry.check(asked),
    settings: async () => registry.settings,
    setSettings: asked => registry.setSettings(asked),
  }
}
