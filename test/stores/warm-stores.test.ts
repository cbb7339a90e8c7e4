import { openMemoryWarmStore } from '../../src/stores/memory/warm-store.ts'
import { openSqliteWarmStore } from '../../src/stores/sqlite/warm-store.ts'
import { warmStoreContract } from '../contracts/warm-store.ts'

warmStoreContract('sqlite', openSqliteWarmStore, { durable: true })
warmStoreContract('sqlite, all last values in memory', o => openSqliteWarmStore({ ...o, recentMs: Number.POSITIVE_INFINITY }), {
  durable: true,
})
warmStoreContract('memory', openMemoryWarmStore, { durable: false })
