import { join } from 'node:path'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { stateStoreContract } from '../contracts/state-store.ts'

stateStoreContract('sqlite', ({ folder, now }) => openSqliteStateStore({ path: join(folder, 'state.db'), now }), {
  durable: true,
})
stateStoreContract('json', ({ folder, now }) => openJsonStateStore({ path: join(folder, 'state.json'), now, coalesceMs: 0 }), {
  durable: true,
})
stateStoreContract('memory', ({ now }) => openMemoryStateStore({ now }), { durable: false })
