import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import hubNode from '../../nodes/hub/hub.ts'
import route from '../../nodes/route/route.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { setHubStarter } from '../../src/nodered/hubs.ts'
import { routeNodes } from '../../src/nodered/route/route-nodes.ts'
import { type Flow, flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const row = (name: string, text: string) => ({ id: name, name, enabled: true, language: 'sql', text })
const tooMany = { list: Array.from({ length: 1001 }, (_, i) => i), t: 31 }

/** The same folder, hub and node, several times. */
describe('loom-route over a restart', function () {
  this.timeout(60_000)
  let dataDir: string
  let hub: Hub

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'route-'))
  })
  afterEach(async () => {
    await unload()
    routeNodes.clear()
    rmSync(dataDir, { recursive: true, force: true })
  })

  const start = async (config: object): Promise<Flow> => {
    setHubStarter(async options => (hub = await startHub({ ...options, threaded: false })))
    const others = [{ id: 'hub', type: 'loom-hub', hubId: 'real', dataDir, store: 'sqlite', broker: 'none', listeners: [] }]
    const running = await flow([hubNode, route], { type: 'loom-route', hub: 'hub', ...config }, { others, outputs: 3 })
    await until(() => routeNodes.list().length, 30_000)
    return running
  }
  const restart = async (config: object): Promise<Flow> => {
    await unload()
    routeNodes.clear()
    return start(config)
  }
  const letters = async () => (await hub.journal.deadLetters({ limit: 10 })).items

  it('takes a message of a flow back that failed before', async () => {
    const before = await start({ rules: [row('r', 'FOREACH list AS x')] })
    const failed = before.error()
    before.send({ payload: tooMany, device: 'd1', time: 77, topic: 'a/b', properties: { p: 'q' } })
    assert.equal((await failed).code, 'ROUTE_LIMIT')
    const after = await restart({ rules: [row('r', 'SELECT t, topic() AS topic'), row('other', 'SELECT t')] })
    const [letter] = await letters()
    assert.deepEqual([letter!.reason, letter!.stage, letter!.rule, letter!.consumer], ['evaluation', 'route', 'r', 'node:n'])
    const one = after.outputs(1)
    await hub.journal.replayDeadLetter({ id: letter!.id })
    const [msg] = await one
    const { payload, device, time, topic, properties, replayed } = msg!
    assert.deepEqual(
      { payload, device, time, topic, properties },
      {
        payload: { t: 31, topic: 'a/b' },
        device: 'd1',
        time: 77,
        topic: 'a/b',
        properties: { p: 'q' },
      },
    )
    assert.deepEqual(replayed, { letter: letter!.id, times: 1, stage: 'route', rule: 'r', node: 'n' })
    assert.equal(after.seen(1).length, 0)
  })

  it('takes a replay that was asked for while it did not run', async () => {
    const before = await start({ rules: [row('r', 'FOREACH list AS x')] })
    const failed = before.error()
    before.send({ payload: tooMany, device: 'd1' })
    await failed
    await before.node.close(false)
    const [letter] = await letters()
    await hub.journal.replayDeadLetter({ id: letter!.id })
    const { outputs, seen } = await restart({ rules: [row('r', 'SELECT t')] })
    if (seen().length === 0) await outputs(1)
    assert.deepEqual(seen()[0]!.payload, { t: 31 })
  })

  it('takes a record of the hub back at the rule that failed', async () => {
    const fed = { from: 'hub', start: 'earliest' }
    const before = await start({ ...fed, rules: [row('r', 'FOREACH list AS x WHERE t > 30')] })
    await hub.devices.register({ id: 'd1' })
    const failed = before.error()
    const inject = (payload: object) =>
      hub.telemetry.inject({ device: 'd1', payload: Buffer.from(JSON.stringify(payload)) } as never)
    await inject({ t: 1 })
    await inject(tooMany)
    assert.equal((await failed).code, 'ROUTE_LIMIT')
    // What the rule cannot want has not come here.
    assert.equal(routeNodes.get('n').summary().seen, 1)
    await until(async () => (await hub.journal.consumers({})).items[0]!.lag === 0, 30_000)
    const after = await restart({ ...fed, rules: [row('r', 'SELECT t WHERE t > 30'), row('other', 'SELECT *')] })
    const [letter] = await letters()
    assert.equal(letter!.consumer, 'n')
    const one = after.outputs(1)
    await hub.journal.replayDeadLetter({ id: letter!.id })
    const [msg] = await one
    assert.deepEqual([msg!.payload, msg!.device, msg!.replayed.rule], [{ t: 31 }, 'd1', 'r'])
    assert.equal(after.seen(1).length, 0)
  })
})
