import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import helper from 'node-red-node-test-helper'
import gateway from '../../nodes/gateway/gateway.ts'
import hubNode from '../../nodes/hub/hub.ts'
import method from '../../nodes/method/method.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { setHubStarter } from '../../src/nodered/hubs.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { unload } from '../flow.ts'
import { root } from '../node-red-process.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const require = createRequire(import.meta.url)
const core = ['common/20-inject', 'common/21-debug', 'function/10-function'].map(name =>
  require(`@node-red/nodes/core/${name}.js`),
)
const meters = 50

describe('the example of meters behind a gateway', function () {
  this.timeout(120_000)
  let hub: Hub
  before(async () => {
    hub = await startHub({
      hubId: 'demo',
      dataDir: tempFolder('meters'),
      store: 'memory',
      broker: 'none',
      listeners: [],
    })
  })
  after(async () => {
    await unload()
    await hub.close()
  })

  it('makes devices of fifty of them: telemetry, twins, presence, methods and messages, and none for another gateway', async () => {
    const flow = JSON.parse(readFileSync(`${root}/examples/01-things/gateway.json`, 'utf8')) as Record<string, unknown>[]
    for (const node of flow) if (node.type === 'tab') node.env = [{ name: 'METERS', value: String(meters), type: 'num' }]
    setHubStarter(async () => hub)
    helper.init(require.resolve('node-red'))
    helper.settings({} as never)
    await helper.load([hubNode, gateway, method, telemetryIn, ...core] as never, flow as never, {})

    const ids = Array.from({ length: meters }, (_, i) => `modbus-meter-${String(i + 1).padStart(2, '0')}`)
    const readings = async () =>
      (await hub.journal.read({ from: 1, limit: 10_000 })).filter(({ kind }) => kind === kinds.injected)
    await until(async () => new Set((await readings()).map(({ device }) => device)).size === meters, 60_000)
    const { items } = await hub.devices.list({ query: 'modbus-meter-', limit: 1000 })
    assert.deepEqual(
      items.map(({ id, attributes, connection }) => [id, attributes.gateway, connection.connected, connection.via]),
      ids.map(id => [id, 'modbus-gateway', true, 'modbus-gateway']),
    )
    const [first] = await readings()
    assert.deepEqual(first!.props.p, { gateway: 'modbus-gateway' })
    assert.deepEqual(Object.keys(JSON.parse(new TextDecoder().decode(first!.payload))), ['voltage', 'current', 'energy', 'relay'])

    const answers = await Promise.all(ids.map(id => hub.commands.call({ id, method: 'switch', payload: { on: false } })))
    assert.deepEqual(answers, Array(meters).fill({ status: 200, payload: { relay: 0 } }))
    assert.equal((await hub.commands.call({ id: ids[0]!, method: 'explode' })).status, 404)
    await until(async () => (await hub.twins.get({ id: ids[49]! })).reported.relay === false, 60_000)

    for (const text of ['one', 'two', 'three']) await hub.commands.send({ id: ids[7]!, message: { body: Buffer.from(text) } })
    await until(async () => (await hub.commands.inbox({ id: ids[7]! })).items.length === 0, 60_000)

    await hub.devices.register({ id: 'other-gateway' })
    const { results } = await hub.gateways.telemetry({
      gateway: 'other-gateway',
      messages: ids.map(device => ({ device, payload: Buffer.from('{"energy":0}') })),
    })
    assert.ok(results.every(result => 'error' in result && result.error.code === 'POLICY_DENIED'))
  })
})
