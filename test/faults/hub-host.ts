import { LoomError } from '../../src/errors.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'

/**
 * A process with a hub in its main thread and one device `d1`. Prints `READY {"port", "key"}`. With held-commit.mjs loaded, `commit` or `fail` on stdin
 * ends what is held, and `held` prints `HELD {n}`.
 */
interface Held {
  commit(): void
  fail(error: LoomError): void
}

const { heldCommits = [] } = globalThis as { heldCommits?: Held[] }
const hub = await startHub(JSON.parse(process.argv[2]!) as HubOptions)
const { secrets } = await hub.devices.register({ id: 'd1', credentials: { kind: 'sas' } })
const { listeners } = await hub.health.get({})
console.log(`READY ${JSON.stringify({ port: listeners[0]?.port, key: secrets?.primaryKey })}`)

process.stdin.setEncoding('utf8').on('data', async text => {
  const command = String(text).trim()
  if (command === 'held') console.log(`HELD ${heldCommits.length}`)
  if (command === 'commit') for (const held of heldCommits.splice(0)) held.commit()
  if (command === 'fail') for (const held of heldCommits.splice(0)) held.fail(new LoomError('JOURNAL_FULL', 'on purpose'))
  if (command === 'count') {
    const records = await hub.journal.read({ from: 1, limit: 1000 })
    console.log(`COUNT ${records.filter(({ kind }) => kind === 1).length}`)
  }
})
