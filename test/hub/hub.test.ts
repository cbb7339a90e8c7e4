import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HubOptions } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { hubContract } from '../contracts/hub.ts'

const folders: string[] = []
const options = async (more: Partial<HubOptions>): Promise<HubOptions> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'loom-hub-'))
  folders.push(dataDir)
  return {
    hubId: 'test-hub',
    dataDir,
    store: 'sqlite',
    broker: 'embedded',
    listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    ...more,
  }
}

after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

hubContract('in this thread, in memory', async () => startHub(await options({ threaded: false, store: 'memory' })))
hubContract('in this thread, sqlite', async () => startHub(await options({ threaded: false })))
hubContract('in this thread, json', async () => startHub(await options({ threaded: false, store: 'json' })))
hubContract('in a thread, sqlite', async () => startHub(await options({})))
