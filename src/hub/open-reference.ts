import { join, resolve } from 'node:path'
import { LoomError } from '../errors.ts'
import type { StateStore } from '../storage/state-store.ts'
import { ReferenceFile } from '../stores/sqlite/reference-file.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { HubEvent } from './hub.ts'
import type { SqliteSource } from './hub-reference.ts'
import type { Fleet } from './open-fleet.ts'
import type { HubOptions } from './options.ts'
import type { Problems } from './problems.ts'
import { createReferenceApi, type ReferenceFiles } from './reference-api.ts'
import { createDeviceFacts } from './reference-devices.ts'
import { openReferenceStore } from './reference-store.ts'

export interface ReferenceHouse {
  options: Pick<HubOptions, 'store' | 'dataDir'>
  state: StateStore
  trail: Pick<AuditTrail, 'write'>
  fleet: Fleet
  problems: Pick<Problems, 'watch'>
  emit(event: HubEvent): void
  now: () => number
}

/** Reference tables, and what is known of devices as reference data. */
export async function openReference({ options, state, trail, fleet, problems, emit, now }: ReferenceHouse) {
  const store = await openReferenceStore({ state, trail, now })
  const files = openFiles(options.store === 'memory' ? undefined : resolve(join(options.dataDir, 'reference')))
  const cleaned = (work: Promise<void>): void => problems.watch('reference tables', work)
  cleaned(store.clean())
  const devices = createDeviceFacts({ fleet, state })
  return {
    api: createReferenceApi({ store, files, devices, emit, cleaned, now }),
    async close(): Promise<void> {
      await store.stop()
      files.close()
    },
  }
}

/** Files stay open, a table each. */
function openFiles(folder: string | undefined): ReferenceFiles & { close(): void } {
  const open = new Map<string, ReferenceFile>()
  const made = (source: SqliteSource, key: string | undefined): ReferenceFile => {
    if (folder === undefined)
      throw new LoomError('REFERENCE_INVALID', 'a hub in memory has no folder for files', { hint: 'put the rows themselves' })
    return new ReferenceFile({ folder, ...source, ...(key !== undefined && { key }) })
  }
  return {
    describe(source, key) {
      const file = made(source, key)
      try {
        return file.describe()
      } finally {
        file.close()
      }
    },
    lookup(name, source, key, keys) {
      let file = open.get(name)
      if (!file) open.set(name, (file = made(source, key)))
      return file.lookup(keys)
    },
    forget(name) {
      open.get(name)?.close()
      open.delete(name)
    },
    close() {
      for (const file of open.values()) file.close()
      open.clear()
    },
  }
}
