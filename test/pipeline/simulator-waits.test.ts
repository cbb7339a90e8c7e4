import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import hubNode from '../../nodes/hub/hub.ts'
import simulator from '../../nodes/simulator/simulator.ts'
import { checkedOptions } from '../../src/hub/checked-options.ts'
import { HubThread } from '../../src/hub/hub-thread.ts'
import { setHubStarter } from '../../src/nodered/hubs.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

describe('a simulator whose hub takes no devices yet', function () {
  this.timeout(90_000)
  const dataDir = join(tempFolder('simulator-waits'), 'data')
  afterEach(async () => {
    await unload()
    await rm(dataDir, { recursive: true, force: true })
  })

  it('starts without a deploy when the hub comes again and has its port', async () => {
    const inTheWay = createServer().listen(0, '127.0.0.1')
    await once(inTheWay, 'listening')
    const { port } = inTheWay.address() as AddressInfo
    let hub: HubThread | undefined
    setHubStarter(async options => {
      hub = await HubThread.start(checkedOptions(options), new URL('../hub/fragile-thread.ts', import.meta.url))
      return hub
    })
    const listeners = [{ kind: 'mqtts', host: '127.0.0.1', port }]
    const { send, outputs } = await flow(
      [hubNode, simulator],
      { type: 'loom-simulator', hub: 'own', count: 2, intervalMs: 200, autostart: false },
      { others: [{ id: 'own', type: 'loom-hub', hubId: 'waits', dataDir, store: 'sqlite', broker: 'embedded', listeners }] },
    )
    const answer = outputs(1)
    send({ action: 'start' })
    assert.equal((await answer)[0]!.notice, 'waiting')
    inTheWay.close()
    await once(inTheWay, 'close')
    await assert.rejects(hub!.devices.get({ id: 'crash' }))
    await until(async () => (await hub!.health.get({})).connections === 2, 60_000)
    assert.deepEqual(await readdir(join(dataDir, 'simulator', 'n')), ['sim-0001.pem', 'sim-0002.pem'])
  })
})
