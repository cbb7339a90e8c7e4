import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import type { Reading } from '../../src/telemetry/reading.ts'
import { start, stopAll, tempFolder, until } from '../processes.ts'

const kills = 4
const devices = ['d0', 'd1', 'd2']

describe('kill -9 while readings go to the warm store', function () {
  this.timeout(180_000)
  afterEach(stopAll)

  it('leaves each journaled reading there once, and its last values', async () => {
    const options: HubOptions = {
      hubId: 'warm',
      dataDir: join(tempFolder('warm-kill'), 'hub'),
      store: 'sqlite',
      broker: 'none',
      threaded: false,
      listeners: [],
    }
    const base = Date.now()
    let acknowledged = 0
    for (let kill = 0; kill < kills; kill++) {
      const child = start(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'injecting-hub.ts'),
        JSON.stringify({ options, devices, from: acknowledged + 1, base }),
      ])
      // The warm store takes readings in lots, so some kills come between journal and store, some between rows and last values.
      await child.says(new RegExp(`ack ${acknowledged + 600 + kill * 700}\\n`), 60_000)
      await child.stop('SIGKILL')
      acknowledged = Number(/.*ack (\d+)\n/s.exec(child.output())?.[1])

      const hub = await startHub(options)
      const lag = async () => (await hub.journal.metrics({})).consumers.find(({ name }) => name === '$warm')?.lag
      await until('the warm store has caught up', async () => (await lag()) === 0, 60_000)
      const { headSeq } = await hub.journal.metrics({})
      const records = await hub.journal.read({ from: 0, limit: headSeq })
      const sent = new Map(devices.map(device => [device, [] as number[]]))
      for (const record of records.filter(({ kind }) => kind === kinds.injected))
        sent.get(record.device)?.push((JSON.parse(Buffer.from(record.payload).toString()) as { values: { n: number } }).values.n)
      assert.ok(Math.max(...[...sent.values()].flat()) >= acknowledged)
      for (const device of devices) {
        const stored: Reading[] = []
        let cursor: string | undefined
        do {
          const page = await hub.query.range({ devices: [device], from: 0, to: 9e15, limit: 10_000, ...(cursor && { cursor }) })
          stored.push(...page.items)
          cursor = page.next
        } while (cursor && stored.length < 1_000_000)
        assert.deepEqual(
          stored.map(({ values }) => values.n),
          [...new Set(sent.get(device))],
          device,
        )
        const last = new Map<string, unknown>()
        for (const { values } of stored) for (const [name, value] of Object.entries(values)) last.set(name, value)
        assert.deepEqual(new Map((await hub.query.last({ devices: [device] })).map(({ point, value }) => [point, value])), last)
      }
      const warm = (await hub.health.metrics({})).warm
      assert.equal(warm.rows, new Set([...sent.values()].flat()).size)
      await hub.close()
    }
  })
})
