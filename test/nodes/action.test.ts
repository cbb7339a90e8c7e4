// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of actions
import assert from 'node:assert/strict'
import action from '../../nodes/action/action.ts'
import { LoomError } from '../../src/errors.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { flags, replayFor, replayOf } from '../../src/journal/journal-port.ts'
import type { ActionAnswer, ActionOrder } from '../../src/routing/action/action.ts'
import { deliveries } from '../../src/nodered/delivery.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'
import { type WebhookServer, webhookServer } from '../webhook-server.ts'

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes!).toString()
const webhook = { type: 'loom-action', url: 'https://example.com/in', tries: 1 }
const republish = { type: 'loom-action', kind: 'republish', topic: 'alarms/${clientid()}', qos: 1 }
const reading = (t: number, more: object = {}) => ({ device: 'd1', time: 5, topic: 'dt/d1', payload: { t }, ...more })
const batch = [
  { device: 'd1', time: 1, values: { t: 1 }, topic: 'dt/d1' },
  { device: 'd2', time: 2, values: { t: 2 }, topic: 'dt/d2' },
]

interface ActingHub extends FakeHub {
  orders: ActionOrder[]
  answer: (order: ActionOrder) => ActionAnswer
}

function actingHub(): ActingHub {
  const orders: ActionOrder[] = []
  const hub = Object.assign(fakeHub(), { orders, answer: (): ActionAnswer => ({ outcome: 'done', tries: 1 }) }) as ActingHub
  const actions: Hub['actions'] = {
    async perform(order) {
      structuredClone(order)
      hub.orders.push(order)
      return hub.answer(order)
    },
    endpoints: async () => ({ items: [] }),
  }
  return Object.assign(hub, { actions })
}

const refused = (): ActionAnswer => ({
  outcome: 'dead',
  tries: 3,
  status: 404,
  letter: 7,
  error: { code: 'ROUTE_ACTION', message: 'no such page' },
})

describe('loom-action with a hub', () => {
  let hub: ActingHub
  beforeEach(() => {
    hub = actingHub()
  })
  afterEach(unload)
  const load = (config: object, more: { credentials?: Record<string, string>; wires?: boolean } = {}) =>
    flow(action, { id: 'n', ...config }, { hub, outputs: 2, ...(more.credentials && { credentials: { n: more.credentials } }) })

  it('makes an order of a message and sends it on with the response', async () => {
    hub.answer = () => ({
      outcome: 'done',
      tries: 1,
      response: { status: 201, headers: { 'content-type': 'application/json; charset=utf-8' }, body: Buffer.from('{"ok":true}') },
    })
    const { send, outputs } = await load({
      ...webhook,
      name: 'office',
      url: 'https://example.com/${clientid()}',
      headers: [{ name: 'X-Site', value: '${topic(1)}' }],
      timeoutS: 7,
    })
    const done = outputs(1)
    send(reading(20, { rule: { name: 'high', at: 1 }, more: 1 }))
    const [msg] = await done
    assert.deepEqual(
      [msg!.payload, msg!.more, msg!.response.statusCode, msg!.response.payload],
      [{ t: 20 }, 1, 201, { ok: true }],
    )
    const [{ node, name, rule, tries, timeoutMs, action: made, original }] = hub.orders as [ActionOrder]
    assert.deepEqual([node, name, rule, tries, timeoutMs], ['n', 'office', 'high', 1, 7000])
    assert.ok(made.kind === 'webhook')
    assert.deepEqual(
      [made.url, made.method, made.headers],
      ['https://example.com/d1', 'POST', { 'content-type': 'application/json', 'x-site': 'dt' }],
    )
    assert.deepEqual(JSON.parse(text(made.body)), { t: 20 })
    assert.deepEqual(
      [original.device, original.topic, JSON.parse(text(original.payload))],
      ['d1', 'dt/d1', { time: 5, values: { t: 20 } }],
    )
  })

  it('sends bytes as they are, under their content type', async () => {
    const { send } = await load(webhook)
    send({ device: 'd1', payload: Buffer.from([1, 2]), contentType: 'image/png' })
    send({ device: 'd1', payload: Buffer.from([3]) })
    await until(() => hub.orders.length === 2)
    const seen = hub.orders.map(({ action: made, original }) => [
      (made as any).headers['content-type'],
      made.body,
      [...original.payload],
    ])
    assert.deepEqual(seen, [
      ['image/png', undefined, [1, 2]],
      ['application/octet-stream', undefined, [3]],
    ])
  })

  it('proves itself as it is told to, and never in the open', async () => {
    for (const [fields, header] of [
      [{ auth: 'bearer' }, { authorization: 'Bearer s3cret' }],
      [{ auth: 'basic', authName: 'anna' }, { authorization: `Basic ${Buffer.from('anna:s3cret').toString('base64')}` }],
      [{ auth: 'header', authName: 'X-Api-Key' }, { 'x-api-key': 's3cret' }],
    ] as const) {
      hub = actingHub()
      const { send } = await load({ ...webhook, ...fields }, { credentials: { secret: 's3cret' } })
      send(reading(1))
      await until(() => hub.orders.length === 1)
      const { secret, ...open } = hub.orders[0]!.action as any
      assert.deepEqual(secret, header)
      assert.doesNotMatch(JSON.stringify(open), /s3cret/)
      await unload()
    }
  })

  it('fills templates with its secret', async () => {
    const { send } = await load(
      { ...webhook, url: "https://example.com/${get_secret('secret')}" },
      { credentials: { secret: 'a/b' } },
    )
    send(reading(1))
    await until(() => hub.orders.length === 1)
    assert.equal((hub.orders[0]!.action as any).url, 'https://example.com/a/b')
  })

  it('takes a batch as one, or reading by reading', async () => {
    const { send, outputs } = await load(webhook)
    const done = outputs(1)
    send({ payload: batch, more: 1 })
    assert.deepEqual([(await done)[0]!.payload, (await done)[0]!.more], [batch, 1])
    const [{ original }] = hub.orders as [ActionOrder]
    assert.deepEqual([original.device, JSON.parse(text(original.payload))], ['', batch])
    await unload()

    hub = actingHub()
    hub.answer = ({ original: { device } }) => (device === 'd2' ? refused() : { outcome: 'done', tries: 1 })
    const single = await load({ ...webhook, each: 'reading' })
    const [taken, failed] = [single.outputs(1), single.outputs(1, 1)]
    single.send({ payload: batch })
    const [{ payload }] = (await taken) as [{ payload: { device: string; values: object }[] }]
    assert.deepEqual(
      payload.map(({ device, values }) => [device, values]),
      [['d1', { t: 1 }]],
    )
    const [report] = await failed
    assert.deepEqual([report!.device, report!.letter, report!.payload.clientId], ['d2', 7, 'd2'])
    assert.deepEqual(
      hub.orders.map(({ original: { device }, action: made }) => [device, JSON.parse(text(made.body))]),
      [
        ['d1', { t: 1 }],
        ['d2', { t: 2 }],
      ],
    )
  })

  it('tells a failure in the form of an error action', async () => {
    hub.answer = refused
    const { send, outputs, seen } = await load({ ...webhook, url: 'https://example.com/secret?x=1' })
    const failed = outputs(1, 1)
    send(reading(20, { rule: { name: 'high' }, traceId: 'tr-1' }))
    const [{ payload, error, statusCode, letter }] = (await failed) as [any]
    assert.deepEqual(payload, {
      ruleName: 'high',
      topic: 'dt/d1',
      cloudwatchTraceId: 'tr-1',
      clientId: 'd1',
      base64OriginalPayload: Buffer.from('{"t":20}').toString('base64'),
      failures: [{ failedAction: 'Webhook', failedResource: 'https://example.com', errorMessage: 'no such page' }],
    })
    assert.deepEqual([error.code, error.source.id, statusCode, letter], ['ROUTE_ACTION', 'n', 404, 7])
    assert.deepEqual(seen(0), [])
  })

  it('says nothing of a message that waits, but shows it', async () => {
    hub.answer = () => ({ outcome: 'spooled', tries: 3 })
    const { send, seen, status } = await load(webhook)
    const waits = status(/^0 · 1 /)
    send(reading(1))
    await waits
    assert.deepEqual([seen(0), seen(1)], [[], []])
  })

  it('shows how its endpoint is', async () => {
    const { status } = await load(webhook)
    await until(() => hub.consumers.has('node:n'))
    const event = { type: 'endpoint', at: 1, id: 'n', resource: 'https://example.com', waiting: 5 } as const
    const unhealthy = status(/5 /)
    hub.emit({ ...event, id: 'other', health: 'dead' })
    hub.emit({ ...event, resource: 'https://old.example.com', health: 'dead' })
    hub.emit({ ...event, health: 'unhealthy' })
    assert.deepEqual([(await unhealthy).fill, (await unhealthy).shape], ['yellow', 'ring'])
    const dead = status(/dead/)
    hub.emit({ ...event, health: 'dead', waiting: 0 })
    assert.equal((await dead).fill, 'red')
  })

  it('makes a dead letter of what no action can be made of', async () => {
    const { send, outputs } = await load({ ...republish, topic: 'a/${nobody}' })
    const failed = outputs(1, 1)
    send(reading(20))
    const [{ error, letter, payload }] = (await failed) as [any]
    assert.deepEqual(
      [error.code, letter, payload.failures[0].failedAction, payload.failures[0].failedResource],
      ['ROUTE_TEMPLATE', 1, 'Republish', 'mqtt'],
    )
    const [{ reason, consumer, node, stage, device }] = hub.letters as [(typeof hub.letters)[0]]
    assert.deepEqual([reason, consumer, node, stage, device], ['evaluation', 'node:n', 'n', 'action', 'd1'])
  })

  it('republishes with the hops of the message', async () => {
    const { send } = await load({ ...republish, properties: [{ name: 'site', value: 'x' }], body: 't=${t}' })
    send(reading(20, { properties: { 'loom-hops': '3' } }))
    await until(() => hub.orders.length === 1)
    const { body, ...made } = hub.orders[0]!.action
    assert.deepEqual(
      [made, text(body)],
      [{ kind: 'republish', topic: 'alarms/d1', qos: 1, properties: { site: 'x' }, hops: 3 }, 't=20'],
    )
  })

  it('acknowledges a delivery once the message has its place, and not before', async () => {
    const acked: number[] = []
    const live = deliveries.open('test', { name: 'c', ack: (seqs: readonly number[]) => void acked.push(...seqs) } as never)
    try {
      const { send, error } = await load(webhook)
      for (const [seq, answer] of [
        [1, { outcome: 'done', tries: 1 }],
        [2, { outcome: 'spooled', tries: 3 }],
        [3, refused()],
      ] as const) {
        hub.answer = () => answer
        send(reading(1, { delivery: live.issue([seq]) }))
        await until(() => acked.at(-1) === seq)
      }
      hub.answer = () => {
        throw new LoomError('HUB_DOWN')
      }
      const failed = error()
      send(reading(1, { delivery: live.issue([4]) }))
      assert.equal((await failed).code, 'HUB_DOWN')
      assert.deepEqual(acked, [1, 2, 3])
    } finally {
      live.close()
    }
  })

  it('takes its dead letters back, as the same letter, and acknowledges them', async () => {
    const { outputs } = await load(webhook)
    const consumer = await until(() => hub.consumers.get('node:n'))
    assert.deepEqual(consumer.spec.filter, { only: 'replays' })
    hub.answer = refused
    const failed = outputs(1, 1)
    const replayed = { letter: 42, times: 1, stage: 'action', rule: 'high', node: 'n' }
    const props = { v: 1 as const, p: { a: 'b' }, s: { [replayFor]: 'node:n', [replayOf]: JSON.stringify(replayed) }, e: {} }
    const payload = Buffer.from('{"time":5,"values":{"t":20}}')
    const { seq } = hub.append({ device: 'd1', topic: 'dt/d1', flags: flags.replay, props, payload })
    assert.deepEqual((await failed)[0]!.payload.ruleName, 'high')
    const [{ letter, rule, action: made }] = hub.orders as [ActionOrder]
    assert.deepEqual([letter, rule, JSON.parse(text(made.body))], [42, 'high', { t: 20 }])
    await until(() => consumer.acked.has(seq))
  })

  it('takes an item that was no reading back alone and as such', async () => {
    const { send, outputs } = await load({ ...webhook, each: 'reading' })
    const consumer = await until(() => hub.consumers.get('node:n'))
    const failed = outputs(1, 1)
    send({ payload: [...batch, { device: 'd3', time: 3 }] })
    await failed
    const letters = () => hub.letters.map(({ device, reason, stage, code, tries }) => [device, reason, stage, code, tries])
    assert.deepEqual(letters(), [['d3', 'invalid', 'reading', 'READING_VALUES', 1]])
    await hub.journal.replayDeadLetter({ id: 1 })
    await until(() => consumer.acked.size === 1)
    assert.deepEqual(letters(), [['d3', 'invalid', 'reading', 'READING_VALUES', 2]])
    assert.equal(hub.orders.length, 2)
  })

  it('has its consumer for as long as it is there', async () => {
    await load(webhook)
    await until(() => hub.consumers.has('node:n'))
    await unload()
    assert.equal(hub.consumers.has('node:n'), false)
  })

  for (const [name, config, code] of [
    ['an address without host', { ...webhook, url: '/x' }, 'NODE_CONFIG'],
    ['no secret where one is needed', { ...webhook, auth: 'bearer' }, 'NODE_CONFIG'],
    ['a header that is none', { ...webhook, headers: [{ name: 'a b', value: '' }] }, 'NODE_CONFIG'],
    ['too many tries', { ...webhook, tries: 11 }, 'NODE_CONFIG'],
    ['too long a timeout', { ...webhook, timeoutS: 61 }, 'NODE_CONFIG'],
    ['a republish without topic', { ...republish, topic: '' }, 'NODE_CONFIG'],
    ['a template that is none', { ...webhook, body: '${(' }, 'RULE_SYNTAX'],
    ['an unknown function', { ...webhook, body: '${nothing()}' }, 'RULE_FUNCTION'],
  ] as const)
    it(`refuses ${name}`, async () => {
      const { send, error } = await load(config)
      const failed = error()
      send(reading(1))
      assert.equal((await failed).code, code)
    })
})

describe('loom-action without a hub', function () {
  this.timeout(60_000)
  let server: WebhookServer
  before(async () => {
    server = await webhookServer()
  })
  after(() => server.close())
  beforeEach(() => {
    server.status = 200
    server.got.length = server.taken.length = 0
  })
  afterEach(unload)
  const load = (config: object = {}, outputs = 2) => flow(action, { ...webhook, url: `${server.url}/in`, ...config }, { outputs })

  it('sends webhooks itself', async () => {
    const { send, outputs } = await load()
    const done = outputs(2)
    for (const t of [1, 2]) send(reading(t))
    assert.deepEqual(
      (await done).map(({ response }) => response.payload),
      Array(2).fill({ thanks: true }),
    )
    assert.deepEqual(
      server.taken.map(({ body }) => body),
      ['{"t":1}', '{"t":2}'],
    )
    assert.notEqual(server.taken[0]!.headers['idempotency-key'], server.taken[1]!.headers['idempotency-key'])
  })

  it('gives up after its tries: there is no place to wait', async () => {
    server.status = 503
    const { send, outputs } = await load({ tries: 2 })
    const failed = outputs(1, 1)
    send(reading(1))
    const [{ statusCode, letter }] = (await failed) as [any]
    assert.deepEqual([statusCode, letter, server.got.length], [503, undefined, 2])
    assert.equal(server.got[0]!.headers['idempotency-key'], server.got[1]!.headers['idempotency-key'])
  })

  it('reports failures to a Catch node while output 2 has no wire', async () => {
    server.status = 400
    const { send, error } = await load({}, 1)
    const failed = error()
    send(reading(1))
    const { code, message } = await failed
    assert.equal(code, 'ROUTE_ACTION')
    assert.match(message, /status 400/)
  })

  it('refuses to republish', async () => {
    const { send, error } = await flow(action, republish, { outputs: 2 })
    const failed = error()
    send(reading(1))
    assert.equal((await failed).code, 'HUB_MISSING')
  })
})
