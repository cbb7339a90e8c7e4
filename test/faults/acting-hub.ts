import { writeSync } from 'node:fs'
import { startHub } from '../../src/hub/start-hub.ts'
import { until } from '../until.ts'

// A hub on disk that hands numbered webhooks to an endpoint, or goes on with what waits; says synchronously what it has taken, so that nothing is lost with the process.
const [dataDir, url, count] = process.argv.slice(2) as [string, string, string]
const say = (line: string): void => void writeSync(1, `${line}\n`)
const hub = await startHub({ hubId: 'acting', dataDir, store: 'sqlite', broker: 'none', listeners: [], threaded: false })
const waiting = async (): Promise<number> => (await hub.actions.endpoints({})).items[0]?.waiting ?? 0
say(`WAITING ${await waiting()}`)
for (let n = 1; n <= Number(count); n++) {
  const payload = Buffer.from(String(n))
  const { outcome } = await hub.actions.perform({
    node: 'n1',
    action: { kind: 'webhook', url, method: 'POST', headers: {}, secret: { authorization: 'Bearer of-the-node' } },
    original: { device: 'd1', topic: 't', properties: {}, payload },
    tries: 1,
  })
  say(`TAKEN ${n} ${outcome}`)
}
if (!Number(count)) {
  await until(async () => (await waiting()) === 0, 240_000)
  const { items } = await hub.journal.deadLetters({ limit: 1 })
  say(`EMPTY ${items.length}`)
  await hub.close()
}
