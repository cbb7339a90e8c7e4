import type { HubOptions } from '../src/hub/options.ts'
import { startHub } from '../src/hub/start-hub.ts'
import type { JournalRecord } from '../src/journal/journal-port.ts'

/** Every record in a data folder that no hub is using. */
export async function journalOf(options: Pick<HubOptions, 'hubId' | 'dataDir'>): Promise<JournalRecord[]> {
  const hub = await startHub({ ...options, store: 'sqlite', broker: 'none', listeners: [], threaded: false })
  try {
    const all: JournalRecord[] = []
    while (true) {
      const from = all.length ? all.at(-1)!.seq + 1 : Math.max(1, (await hub.journal.metrics({})).oldestSeq)
      const some = await hub.journal.read({ from, limit: 5000 })
      if (!some.length) return all
      all.push(...some)
    }
  } finally {
    await hub.close()
  }
}
