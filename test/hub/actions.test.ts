import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type Delivered, kinds } from '../../src/journal/journal-port.ts'
import type { ActionOrder, Republish, Webhook } from '../../src/routing/action/action.ts'
import { until } from '../until.ts'
import { type WebhookServer, webhookServer } from '../webhook-server.ts'

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const text = (content: Uint8Array): string => new TextDecoder().decode(content)
const patient = <T>(probe: () => T | Promise<T>) => until(probe, 60_000)

describe('actions of a hub', function () {
  this.timeout(120_000)
  let dataDir: string
  let hub: Hub
  let receiver: WebhookServer
  const events: HubEvent[] = []
  const options = (more: Partial<HubOptions> = {}): HubOptions => ({
    ...{ hubId: 'acting', dataDir, store: 'sqlite', broker: 'none', listeners: [], threaded: false },
    ...more,
  })
  const open = async (more?: Partial<HubOptions>) => {
    hub = await startHub(options(more))
    hub.subscribe(event => void events.push(event))
  }
  beforeEach(async () => {
    events.length = 0
    dataDir = await mkdtemp(join(tmpdir(), 'loom-actions-'))
    receiver = await webhookServer()
    await open()
  })
  afterEach(async () => {
    await hub.close()
    await receiver.close()
    await rm(dataDir, { recursive: true, force: true })
  })

  const original = (n: number) => ({ device: 'pump-1', topic: 'dt/pump-1', properties: { a: 'b' }, payload: bytes({ n }) })
  const webhook = (n: number, o: Partial<Webhook> = {}, more: Partial<ActionOrder> = {}): ActionOrder => ({
    node: 'n1',
    action: { kind: 'webhook', url: `${receiver.url}/in`, method: 'POST', headers: {}, ...o },
    original: original(n),
    tries: 1,
    ...more,
  })
  const republish = (o: Partial<Republish> = {}, more: Partial<ActionOrder> = {}): ActionOrder => ({
    node: 'n2',
    action: { kind: 'republish', topic: 'alarms/pump-1', qos: 1, properties: { p: 'q' }, hops: 0, ...o },
    original: original(1),
    ...more,
  })
  const endpoint = async () => (await hub.actions.endpoints({})).items[0]!
  const letters = async () => (await hub.journal.deadLetters({ limit: 100 })).items

  it('sends a webhook and gives its answer', async () => {
    const answer = await hub.actions.perform(webhook(1, {}, { name: 'to the office' }))
    assert.ok(answer.outcome === 'done')
    assert.deepEqual([answer.response!.status, text(answer.response!.body)], [200, '{"thanks":true}'])
    assert.equal(receiver.taken[0]!.body, '{"n":1}')
    assert.ok(receiver.taken[0]!.headers['idempotency-key'])
    const { id, name, kind, resource, health, done } = await endpoint()
    assert.deepEqual([id, name, kind, resource, health, done], ['n1', 'to the office', 'webhook', receiver.url, 'healthy', 1])
    const { text: metrics } = await hub.health.metrics({})
    assert.match(metrics, /thingloom_actions_done_total\{hub="acting",node="n1",resource="http[^"]*"\} 1/)
  })

  it('makes a dead letter of what is refused, for the node alone, and changes that letter when it is refused again', async () => {
    receiver.status = 400
    const answer = await hub.actions.perform(webhook(1, {}, { rule: 'high' }))
    assert.ok(answer.outcome === 'dead' && answer.status === 400 && answer.letter !== undefined)
    const again = await hub.actions.perform(webhook(1, {}, { letter: answer.letter }))
    assert.ok(again.outcome === 'dead' && again.letter === answer.letter)
    assert.equal(new Set(receiver.got.map(({ headers }) => headers['idempotency-key'])).size, 2, 'a replay is a run of its own')
    const [letter, ...more] = await letters()
    assert.deepEqual(more, [])
    const { reason, code, device, topic, properties, payload, consumer, node, rule, stage, tries } = letter!
    assert.deepEqual(
      [reason, code, device, topic, properties, text(payload), consumer, node, rule, stage, tries],
      ['action', 'ROUTE_ACTION', 'pump-1', 'dt/pump-1', { a: 'b' }, '{"n":1}', 'node:n1', 'n1', 'high', 'action', 2],
    )
  })

  it('keeps messages while the endpoint is down, tells so, and sends them in order with the newest secret', async () => {
    receiver.status = 503
    for (const n of [1, 2, 3])
      assert.equal((await hub.actions.perform(webhook(n, { secret: { authorization: 'old' } }))).outcome, 'spooled')
    const { health, waiting, lastError } = await endpoint()
    assert.deepEqual([health, waiting, lastError!.code], ['unhealthy', 3, 'ROUTE_ACTION'])
    receiver.status = 200
    assert.equal((await hub.actions.perform(webhook(4, { secret: { authorization: 'new' } }))).outcome, 'spooled')
    await patient(() => receiver.taken.length === 4)
    assert.deepEqual(
      receiver.taken.map(({ body, headers }) => [body, headers.authorization]),
      [1, 2, 3, 4].map(n => [`{"n":${n}}`, 'new']),
    )
    await patient(async () => (await endpoint()).waiting === 0)
    const told = events.flatMap(event => (event.type === 'endpoint' ? [event.health] : []))
    assert.deepEqual(told, ['unhealthy', 'degraded'])
    assert.deepEqual(await letters(), [])
  })

  it('goes on after a new start, and has nothing readable on disk', async () => {
    receiver.status = 503
    const secret = { authorization: 'Bearer very-much-hidden' }
    await hub.actions.perform(webhook(1, { url: `${receiver.url}/path-of-it`, secret, headers: { 'x-own': 'header-of-it' } }))
    await hub.actions.perform(webhook(2, { method: 'DELETE', body: null }))
    await hub.actions.perform(webhook(3, { body: bytes('body-of-it') }))
    await hub.close()
    for (const file of await readdir(dataDir)) {
      if (!file.startsWith('spool')) continue
      const content = (await readFile(join(dataDir, file))).toString('latin1')
      assert.doesNotMatch(content, /very-much-hidden|path-of-it|header-of-it|body-of-it|pump-1/)
    }
    receiver.status = 200
    await open()
    await patient(() => receiver.taken.length === 3)
    assert.deepEqual(
      receiver.taken.map(({ path, body, headers }) => [path, body, headers.authorization, headers['x-own']]),
      [
        ['/path-of-it', '{"n":1}', 'Bearer very-much-hidden', 'header-of-it'],
        ['/in', '', undefined, undefined],
        ['/in', 'body-of-it', undefined, undefined],
      ],
    )
  })

  it('puts what is in hand to disk when it ends', async () => {
    receiver.status = 503
    const held = hub.actions.perform(webhook(1, {}, { tries: 10 }))
    await patient(() => receiver.got.length > 0)
    await hub.close()
    assert.equal((await held).outcome, 'spooled')
    receiver.status = 200
    await open()
    await patient(() => receiver.taken.length === 1)
  })

  it('keeps one host from the messages of another: a node whose address was corrected goes on at once', async () => {
    receiver.status = 503
    await hub.actions.perform(webhook(1))
    const other = await webhookServer()
    try {
      assert.equal((await hub.actions.perform(webhook(2, { url: `${other.url}/in` }))).outcome, 'done')
    } finally {
      await other.close()
    }
  })

  it('republishes to the journal, with one hop more, as of the device that the topic names', async () => {
    const got: Delivered[] = []
    await hub.consume({ name: 'c', start: 'earliest' }, { deliver: records => void got.push(...records) })
    assert.equal((await hub.actions.perform(republish({ hops: 2 }))).outcome, 'done')
    const other = republish({ topic: 'devices/pump-2/telemetry', body: bytes('no json') })
    assert.equal((await hub.actions.perform(other)).outcome, 'done')
    await patient(() => got.length === 2)
    assert.deepEqual(
      got.map(({ kind, device, topic, payload, props }) => [kind, device, topic, text(payload), props.p, props.e.contentType]),
      [
        [kinds.injected, 'pump-1', 'alarms/pump-1', '{"n":1}', { p: 'q', 'loom-hops': '3' }, undefined],
        [
          kinds.injected,
          'pump-2',
          'devices/pump-2/telemetry',
          'no json',
          { p: 'q', 'loom-hops': '1' },
          'application/octet-stream',
        ],
      ],
    )
    assert.deepEqual(await letters(), [])
  })

  it('republishes to the shadow of a thing', async () => {
    await hub.devices.register({ id: 'pump-1' })
    const body = bytes({ state: { desired: { on: true } } })
    const answer = await hub.actions.perform(republish({ topic: '$$aws/things/pump-1/shadow/update', body }))
    assert.equal(answer.outcome, 'done')
    assert.equal((await hub.twins.get({ id: 'pump-1' })).desired.on, true)
  })

  it('refuses topics that rules may not publish to, and what goes in circles', async () => {
    const jobs = await hub.actions.perform(republish({ topic: '$$aws/things/pump-1/jobs/start-next' }))
    assert.ok(jobs.outcome === 'dead' && jobs.error.code === 'ROUTE_ACTION')
    const round = await hub.actions.perform(republish({ hops: 8 }))
    assert.ok(round.outcome === 'dead' && round.error.code === 'ROUTE_LOOP')
    assert.deepEqual(
      (await letters()).map(({ reason, code, tries }) => [reason, code, tries]),
      [
        ['loop', 'ROUTE_LOOP', 0],
        ['action', 'ROUTE_ACTION', 1],
      ],
    )
  })

  it('suspends a republish to its own source', async () => {
    let loops = 0
    for (let i = 0; i < 1010; i++) if ((await hub.actions.perform(republish({ topic: 'dt/pump-1' }))).outcome === 'dead') loops++
    assert.equal(loops, 10)
  })

  it('republishes to subscribers', async () => {
    await hub.close()
    await rm(dataDir, { recursive: true, force: true })
    const listeners = [{ kind: 'mqtt' as const, host: '127.0.0.1', port: 0 }]
    await open({ broker: 'embedded', listeners, allowAnonymous: true, store: 'memory' })
    await hub.devices.register({ id: 'ear' })
    const { listeners: opened } = await hub.health.get({})
    const client = await connectAsync(`mqtt://127.0.0.1:${opened[0]!.port}`, {
      protocolVersion: 4,
      clientId: 'ear',
      reconnectPeriod: 0,
    })
    try {
      const heard: string[] = []
      client.on('message', (topic, payload) => void heard.push(`${topic} ${payload}`))
      const [granted] = await client.subscribeAsync('cmd/ear/alarm', { qos: 1 })
      assert.ok(granted && granted.qos < 2, JSON.stringify(granted))
      for (const qos of [0, 1] as const)
        await hub.actions.perform(republish({ topic: 'cmd/ear/alarm', qos, body: bytes({ qos }) }))
      await patient(() => heard.length === 2)
      assert.deepEqual(heard, ['cmd/ear/alarm {"qos":0}', 'cmd/ear/alarm {"qos":1}'])
    } finally {
      await client.endAsync(true)
    }
  })

  it('refuses an action of nobody', async () => {
    await assert.rejects(hub.actions.perform(webhook(1, {}, { node: '' })), { code: 'REQUEST_INVALID' })
  })
})
