import { join } from 'node:path'
import { openMemorySpool } from '../../src/stores/memory/spool.ts'
import { openSqliteSpool } from '../../src/stores/sqlite/spool.ts'
import { spoolContract } from '../contracts/spool.ts'

spoolContract('memory', async () => openMemorySpool(), { durable: false })
spoolContract('sqlite', ({ folder }) => openSqliteSpool({ path: join(folder, 'spool.db') }), { durable: true })
