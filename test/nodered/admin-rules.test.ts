import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { NodeAPI } from 'node-red'
import route from '../../nodes/route/route.ts'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { hubs } from '../../src/nodered/hubs.ts'
import { routeNodes } from '../../src/nodered/route/route-nodes.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

const hot = { id: 'r1', name: 'hot "one"', enabled: true, language: 'sql', text: 'SELECT t WHERE t > 30' }
const off = { id: 'r2', name: 'off', enabled: false, language: 'condition', text: 'true' }

describe('admin API of rules', () => {
  let hub: FakeHub
  let server: Server

  beforeEach(async () => {
    hub = fakeHub()
    const app = express()
    app.use(express.json())
    const needsPermission = () => (_request: unknown, _response: unknown, next: () => void) => next()
    serveAdmin(
      { settings: {}, httpAdmin: app, log: { info() {}, error() {} }, auth: { needsPermission } } as unknown as NodeAPI,
      hubs,
    )
    server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await unload()
    routeNodes.clear()
  })

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/thingloom${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json')
    return { status: response.status, body: json ? JSON.parse(text) : text }
  }
  const open = async (withHub = true) => {
    const running = await flow(route, { type: 'loom-route', name: 'mine', rules: [hot, off] }, withHub ? { hub } : {})
    await until(() => routeNodes.list().length)
    const one = running.outputs(1)
    running.send({ payload: { t: 31 }, device: 'd1', topic: 'a' })
    await one
    return running
  }

  it('lists nodes with rules, none at first', async () => {
    assert.deepEqual((await call('GET', '/rules')).body, { items: [] })
    await open()
    assert.deepEqual((await call('GET', '/rules')).body, {
      items: [{ node: 'n', name: 'mine', hub: 'test', rules: 2, failed: 0, seen: 1, patternTimeouts: 0 }],
    })
  })

  it('shows rules with their counters, of a node without a hub too', async () => {
    await open(false)
    const { body } = await call('GET', '/rules/n')
    const { items, ...rest } = body
    assert.deepEqual(rest, { node: 'n', name: 'mine', rules: 2, failed: 0, seen: 1, patternTimeouts: 0 })
    const [{ timeMs, ...first }, second] = items
    assert.equal(typeof timeMs, 'number')
    assert.deepEqual(first, { ...hot, output: 1, running: true, matched: 1, notMatched: 0, undefined: 0, errors: 0, outputs: 1 })
    assert.deepEqual([second.running, second.matched, second.output], [false, 0, 2])
    assert.deepEqual(
      [(await call('GET', '/rules/nobody')).status, (await call('GET', '/rules/nobody/recent')).status],
      [404, 404],
    )
  })

  it('shows what a node saw last', async () => {
    await open()
    const { items } = (await call('GET', '/rules/n/recent')).body
    assert.equal(items.length, 1)
    assert.deepEqual([items[0].matched, items[0].message.payload, items[0].message.topic], [['hot "one"'], { t: 31 }, 'a'])
  })

  it('replaces rules, keeps the counters of those that are the same, and leaves a trace', async () => {
    const { outputs, send } = await open()
    const rules = [hot, { id: 'r2', name: 'cold', sql: 'SELECT * WHERE t < 0' }]
    const { status, body } = await call('PUT', '/rules/n', { rules })
    assert.equal(status, 200)
    assert.deepEqual(
      body.items.map(({ name, matched, running }: Record<string, unknown>) => [name, matched, running]),
      [
        ['hot "one"', 1, true],
        ['cold', 0, true],
      ],
    )
    const one = outputs(1, 1)
    send({ payload: { t: -1 } })
    await one
    const [[, note]] = hub.asked.filter(([what]) => what === 'note') as [[string, Record<string, unknown>]]
    assert.deepEqual([note.action, note.target, note.detail], ['rules.replace', 'n', { rules: 2 }])
  })

  it('says of a rule that cannot be read why and where, and lets the others run', async () => {
    await open()
    const { status, body } = await call('PUT', '/rules/n', {
      rules: [
        { ...hot, text: 'SELECT t WHERE' },
        { ...off, enabled: true },
      ],
    })
    assert.equal(status, 200)
    assert.equal(body.failed, 1)
    const [first, second] = body.items
    assert.deepEqual([first.error.code, first.error.position.line, first.running, second.running], ['RULE_SYNTAX', 1, true, true])
  })

  it('refuses rules that are none, or have no output, and changes nothing', async () => {
    await open()
    for (const [body, code] of [
      [{}, 'REQUEST_INVALID'],
      [{ rules: [7] }, 'REQUEST_INVALID'],
      [{ rules: [{ name: 'x', sql: 'SELECT *' }] }, 'NODE_CONFIG'],
      [{ rules: [{ name: 'x', sql: 'SELECT *', output: 3 }] }, 'NODE_CONFIG'],
      [{ rules: [hot, hot] }, 'NODE_CONFIG'],
    ] as const) {
      const reply = await call('PUT', '/rules/n', body)
      assert.deepEqual([reply.status, reply.body.error.code], [400, code], JSON.stringify(body))
    }
    assert.equal((await call('GET', '/rules/n')).body.items[0].matched, 1)
  })

  it('adds the counters to the metrics of the hub', async () => {
    await open()
    const { body } = await call('GET', '/test/metrics')
    assert.match(body, /^thingloom_up 1\n# HELP thingloom_rule_matched_total /)
    assert.ok(body.includes('\nthingloom_rule_matched_total{hub="test",node="n",rule="hot \\"one\\""} 1\n'), body)
    assert.ok(body.endsWith('\nthingloom_rule_pattern_timeouts_total{hub="test",node="n"} 0\n'), body)
  })
})
