import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import provision from '../../nodes/provision/provision.ts'
import { LoomError } from '../../src/errors.ts'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type ProvisioningQuestion, Questions } from '../../src/nodered/provisioning-questions.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const config = { type: 'loom-provision', kinds: [], templates: '', enrolments: '' }
const later = () => Date.now() + 600_000
const request = (id: string, more: object = {}): ProvisioningQuestion['request'] => ({
  id,
  kind: 'claim',
  template: 'pumps',
  registrationId: 'pump-1',
  deviceId: 'pump-1',
  parameters: { SerialNumber: '1' },
  attestation: { kind: 'x509' },
  ip: '192.0.2.7',
  at: 5,
  ...more,
})
const question = (id: string, more: object = {}, end = later()): HubEvent => ({
  type: 'provisioning-question',
  at: 5,
  request: request(id, more),
  until: end,
})
const event = (state: string, more: object = {}): HubEvent => ({
  type: 'provisioning',
  at: 7,
  state,
  by: 'claim b',
  ip: '192.0.2.7',
  template: 'pumps',
  ...more,
})

/** Records what is asked of the hub, and keeps questions as it does. */
function deskOf(hub: FakeHub) {
  const calls: [string, any][] = []
  const listeners = new Set<string>()
  const open: HubEvent[] = []
  const known = new Set<string>()
  const record =
    (name: string, answer: (o: any) => unknown = () => undefined) =>
    async (o: any) => {
      calls.push([name, o])
      return answer(o)
    }
  const make = (name: string, answer: (o: any) => object) => ({
    [name]: record(name, o => {
      const id = o.name ?? o.id
      if (known.has(id)) throw new LoomError('PROV_EXISTS', id)
      known.add(id)
      return answer(o)
    }),
  })
  Object.assign(hub.provisioning, {
    listen: async ({ listener, on }: { listener: string; on: boolean }) => {
      listeners.delete(listener)
      if (!on) return
      listeners.add(listener)
      for (const one of open) hub.emit(one)
    },
    answer: record('answer', ({ id }) => {
      if (id === 'late') throw new LoomError('NOT_FOUND', id)
    }),
    createEnrolment: record('createEnrolment', ({ enrolment }) => ({
      enrolment: { id: enrolment.id, kind: enrolment.kind },
      secrets: { primaryKey: 'secret-1', secondaryKey: 'secret-2' },
    })),
    ...make('createTemplate', ({ name, settings }) => ({ name, ...settings })),
    updateTemplate: record('updateTemplate', ({ name, change }) => ({ name, ...change, used: 3 })),
    createClaim: record('createClaim', ({ id, settings }) => ({
      claim: { id, templates: settings.templates },
      secrets: { certificatePem: 'CERT', privateKeyPem: 'secret-3' },
      caPem: 'CA',
    })),
    createTrustedClaim: record('createTrustedClaim', ({ template }) => ({
      claim: { id: 'trusted-1', templates: [template] },
      secrets: { certificatePem: 'CERT', privateKeyPem: 'secret-4' },
      caPem: 'CA',
    })),
    createPairing: record('createPairing', ({ by: _, ...target }) => ({
      pairing: { id: 'pair-1', hint: 'abcd1234', expiresAt: 9, ...target },
      code: 'secret-5',
    })),
    ...make('createAllowList', ({ name }) => ({ name })),
    addToAllowList: record('addToAllowList', ({ entries }) => ({ added: entries.length, replaced: 0 })),
    pending: record('pending', ({ cursor }) =>
      cursor === undefined ? { items: [], next: 't:' } : { items: [{ id: 'w1' }, { id: 'w2' }], next: 't:w2' },
    ),
    approve: record('approve'),
    deny: record('deny'),
  })
  return { calls, listeners, open }
}

describe('loom-provision', function () {
  this.timeout(60_000)
  let hub: FakeHub
  let desk: ReturnType<typeof deskOf>
  beforeEach(() => {
    hub = fakeHub()
    desk = deskOf(hub)
  })
  afterEach(unload)
  const load = async (more: object = {}) => {
    const made = await flow(provision, { ...config, ...more }, { hub, outputs: 5 })
    await until(() => desk.listeners.size)
    return made
  }

  it('asks the flow, and takes the verdict from the wire', async () => {
    const { send, outputs, status } = await load()
    const asked = outputs(1)
    const shown = status(/^1 · 0 · 0$/)
    const end = later()
    hub.emit(question('q1', {}, end))
    const [msg] = await asked
    assert.deepEqual([msg!.payload, msg!.provision, msg!.topic, msg!.time], [request('q1'), { id: 'q1', until: end }, 'claim', 5])
    await shown
    const answered = status(/^0 · 0 · 0$/)
    send({ ...msg, provision: { ...msg!.provision, allow: true, tags: { site: 'a' }, parameterOverrides: { Line: '7' } } })
    await answered
    assert.deepEqual(desk.calls, [
      ['answer', { id: 'q1', verdict: { allow: true, tags: { site: 'a' }, parameterOverrides: { Line: '7' } } }],
    ])
  })

  it('sends each question once, though the hub tells it to every listener, and again when it is asked anew', async () => {
    const end = later()
    desk.open.push(question('q1', {}, end))
    const { outputs, seen } = await load()
    await until(() => seen().length)
    hub.emit(question('q1', {}, end))
    const next = outputs(1)
    hub.emit(question('q1', {}, end + 1))
    assert.equal((await next)[0]!.provision.until, end + 1)
    assert.equal(seen().length, 2)
  })

  it('leaves to others what its filters leave out', async () => {
    const { outputs, seen } = await load({ kinds: ['claim'], templates: 'pumps', enrolments: 'plant' })
    const [asked, provisioned] = [outputs(1), outputs(1, 1)]
    hub.emit(question('q1', { template: 'fans' }))
    hub.emit(question('q2', { kind: 'dps', enrolmentId: 'plant' }))
    hub.emit(question('q3'))
    hub.emit(event('ACTIVE', { deviceId: 'fan-1', template: 'fans' }))
    hub.emit(event('ACTIVE', { deviceId: 'd-1', enrolmentId: 'plant' }))
    assert.equal((await asked)[0]!.payload.id, 'q3')
    assert.equal((await provisioned)[0]!.device, 'd-1')
    assert.deepEqual([seen().length, seen(1).length], [1, 1])
  })

  it('tells of devices that came, and of those that were refused, wait or are suspicious', async () => {
    const { outputs, status } = await load()
    const [came, refused] = [outputs(1, 1), outputs(4, 2)]
    const shown = status(/^0 · 1 · 4$/)
    for (const state of ['ISSUED', 'ACTIVE']) hub.emit(event(state, { deviceId: 'pump-1' }))
    for (const state of ['PENDING_APPROVAL', 'CLONE_SUSPECTED', 'CLAIM_DISABLED']) hub.emit(event(state))
    hub.emit(event('DENIED', { code: 'PROV_HOOK_TIMEOUT' }))
    const [{ _msgid, ...first }] = (await came) as [Record<string, unknown>]
    const { type: _, ...payload } = event('ACTIVE', { deviceId: 'pump-1' }) as any
    assert.deepEqual(first, { payload, topic: 'ACTIVE', time: 7, device: 'pump-1' })
    assert.deepEqual(
      (await refused).map(({ topic }) => topic),
      ['PENDING_APPROVAL', 'CLONE_SUSPECTED', 'CLAIM_DISABLED', 'DENIED'],
    )
    assert.equal((await shown).fill, 'yellow')
  })

  it('makes what devices need to come; keys are on output 5 alone', async () => {
    const { send, outputs, seen } = await load()
    const [answers, keys] = [outputs(7, 3), outputs(3, 4)]
    send({ action: 'enrol', payload: { id: 'plant', kind: 'group', attestation: { kind: 'sas' } }, kept: 1 })
    for (const quota of [1, 2]) send({ action: 'template', payload: { name: 'pumps', body: {}, quota } })
    send({ action: 'claim', payload: { id: 'b', templates: ['pumps'] } })
    send({ action: 'claim', payload: { trusted: true, template: 'pumps', deviceId: 'pump-9' } })
    const many = Array.from({ length: 501 }, (_, i) => `s${i}`)
    send({ action: 'allow', payload: { list: 'line', entries: many } })
    send({ action: 'allow', payload: { list: 'line', entries: [{ serial: 'x', batch: 'b' }] } })
    const made = await answers
    assert.deepEqual([made[0]!.payload.id, made[0]!.kept, made[2]!.payload.used], ['plant', 1, 3])
    assert.deepEqual(made[5]!.payload, { list: 'line', added: 501, replaced: 0 })
    assert.deepEqual(
      (await keys).map(({ payload }) => payload),
      [
        { enrolment: 'plant', primaryKey: 'secret-1', secondaryKey: 'secret-2' },
        { claim: 'b', templates: ['pumps'], certificatePem: 'CERT', privateKeyPem: 'secret-3', caPem: 'CA' },
        { claim: 'trusted-1', templates: ['pumps'], certificatePem: 'CERT', privateKeyPem: 'secret-4', caPem: 'CA' },
      ],
    )
    assert.doesNotMatch(JSON.stringify([0, 1, 2, 3].map(seen)), /secret-/)
    assert.equal(seen(4)[0]!.kept, undefined)
    const added = desk.calls.filter(([name]) => name === 'addToAllowList').map(([, { entries }]) => entries)
    assert.deepEqual([added.map(({ length }: any) => length), added[0][0]], [[500, 1, 1], { serial: 's0' }])
    assert.ok(desk.calls.every(([, { by }]) => by === 'node n'))
  })

  it('makes pairing codes for a device or through a template; the code is on output 5 alone', async () => {
    const { send, outputs, seen } = await load()
    const [answers, keys] = [outputs(2, 3), outputs(2, 4)]
    send({ action: 'pair', payload: 'lamp-1' })
    send({ action: 'pair', payload: { template: 'pumps', parameters: { SerialNumber: '1' }, colour: 'red' } })
    assert.deepEqual((await answers)[0]!.payload, { id: 'pair-1', hint: 'abcd1234', expiresAt: 9, deviceId: 'lamp-1' })
    assert.deepEqual((await keys)[0]!.payload, { pairing: 'pair-1', code: 'secret-5', expiresAt: 9 })
    assert.doesNotMatch(JSON.stringify([0, 1, 2, 3].map(seen)), /secret-/)
    assert.deepEqual(desk.calls, [
      ['createPairing', { deviceId: 'lamp-1', by: 'node n' }],
      ['createPairing', { template: 'pumps', parameters: { SerialNumber: '1' }, by: 'node n' }],
    ])
  })

  it('lists who waits over the pages of the hub, and approves and denies', async () => {
    const { send, outputs } = await load()
    const answers = outputs(3, 3)
    send({ action: 'pending', payload: { limit: 2 } })
    send({ action: 'approve', payload: { id: 'w1', verdict: { tags: { a: 1 } } } })
    send({ action: 'deny', payload: 'w2' })
    const [pending] = await answers
    assert.deepEqual([pending!.payload.map(({ id }: any) => id), pending!.next], [['w1', 'w2'], 't:w2'])
    assert.deepEqual(desk.calls.slice(-2), [
      ['approve', { id: 'w1', by: 'node n', verdict: { tags: { a: 1 } } }],
      ['deny', { id: 'w2', by: 'node n' }],
    ])
  })

  for (const [what, msg, code] of [
    ['a verdict that comes too late', { provision: { id: 'late', allow: true } }, 'NOT_FOUND'],
    ['a message that is neither verdict nor action', { payload: 1 }, 'REQUEST_INVALID'],
    ['an action that does not exist', { action: 'toString', payload: {} }, 'NODE_CONFIG'],
    ['an action without payload', { action: 'enrol' }, 'PROV_INVALID'],
    ['an approval of nobody', { action: 'approve', payload: {} }, 'PROV_INVALID'],
    ['a list without entries', { action: 'allow', payload: { list: 'l' } }, 'PROV_INVALID'],
  ] as const)
    it(`reports ${what} as ${code}`, async () => {
      const { send, error } = await load()
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code)
    })

  it('says which setting is wrong', async () => {
    const { status } = await flow(provision, { ...config, hub: 'hub', templates: 'a/b' }, { hub, outputs: 5 })
    assert.match((await status(/NODE_CONFIG|a\/b/)).text, /a\/b/)
  })

  it('listens again when the hub is back', async () => {
    await load()
    desk.listeners.clear()
    hub.emit({ type: 'health', status: 'ok', at: 1 })
    await until(() => desk.listeners.size)
  })
})

describe('questions of a hub', function () {
  this.timeout(60_000)
  const ports = (asked: ProvisioningQuestion[], ended: () => void = () => {}) => ({
    wanted: () => true,
    ask: (one: ProvisioningQuestion) => void asked.push(one),
    ended,
    failed: (error: Error) => assert.fail(error),
  })

  it('end by themselves when their time is over', async () => {
    const hub = fakeHub()
    deskOf(hub)
    let ended = 0
    const asked: ProvisioningQuestion[] = []
    const questions = await Questions.open(
      hub,
      ports(asked, () => void ended++),
    )
    hub.emit(question('q1', {}, Date.now()))
    hub.emit(question('q2'))
    await until(() => ended === 1)
    assert.deepEqual([asked.length, questions.size], [2, 1])
    await questions.close({ gone: true })
    assert.equal(hub.listening, 0)
  })

  it('are not waited for by a hub that is away', async () => {
    const hub = fakeHub()
    const { listeners } = deskOf(hub)
    const { listen } = hub.provisioning
    hub.provisioning.listen = () => Promise.reject(new LoomError('HUB_DOWN'))
    const questions = await Questions.open(hub, ports([]))
    hub.provisioning.listen = listen
    hub.emit({ type: 'health', status: 'ok', at: 1 })
    await until(() => listeners.size)
    await questions.close({ gone: true })
    assert.equal(listeners.size, 0)
    await (await Questions.open(hub, ports([]))).close({ gone: false })
    assert.equal(listeners.size, 1, 'what is asked until its successor listens is not refused at once')
    hub.provisioning.listen = () => Promise.reject(new LoomError('HUB_TIMEOUT'))
    await assert.rejects(Questions.open(hub, ports([])), { code: 'HUB_TIMEOUT' })
    assert.equal(hub.listening, 0)
  })
})

describe('questions of a node that is deployed again', () => {
  it('are its own as long as it is there, and nobody waits for one that is gone', async () => {
    const hub = fakeHub()
    const { listeners } = deskOf(hub)
    const none = { wanted: () => true, ask() {}, ended() {}, failed: (error: Error) => assert.fail(error) }
    const before = await Questions.open(hub, none, 'node')
    await before.close({ gone: false })
    const after = await Questions.open(hub, none, 'node')
    assert.equal(listeners.size, 1)
    await after.close({ gone: true })
    assert.equal(listeners.size, 0, 'the instance before it counts no more')
  })
})

describe('loom-provision on a running hub', function () {
  this.timeout(60_000)
  let hub: Hub
  let client: MqttClient | undefined
  const heard: any[] = []
  beforeEach(async () => {
    heard.length = 0
    hub = await startHub({
      hubId: 'prov',
      dataDir: tempFolder('prov-node'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    })
  })
  afterEach(async () => {
    await client?.endAsync(true)
    client = undefined
    await unload()
    await hub.close()
  })
  const load = () => flow(provision, config, { hub: hub as FakeHub, outputs: 5 })
  const body = {
    Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { 'Fn::Join': ['', ['pump-', { Ref: 'SerialNumber' }]] } } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
      },
    },
  }
  const settings = { body, keyType: 'ec-p256', hook: { enabled: true } }
  const topic = '$aws/provisioning-templates/pumps/provision/json'

  /** A device with the claim, which asks for a certificate and then to be let in. */
  async function deviceWith(claim: { certificatePem: string; privateKeyPem: string; caPem: string }) {
    const { port } = (await hub.health.get({})).listeners[0]!
    client = await connectAsync(`mqtts://127.0.0.1:${port}`, {
      clientId: 'factory',
      ca: claim.caPem,
      cert: claim.certificatePem,
      key: claim.privateKeyPem,
      protocolVersion: 4,
      reconnectPeriod: 0,
    })
    client.on('message', (_, payload) => void heard.push(JSON.parse(payload.toString())))
    await client.subscribeAsync(['$aws/certificates/create/json/+', `${topic}/+`], { qos: 1 })
    const asks = async (name: string, payload: object) => {
      const before = heard.length
      await client!.publishAsync(name, JSON.stringify(payload), { qos: 1 })
      return until(() => heard[before], 30_000)
    }
    const { certificateOwnershipToken } = await asks('$aws/certificates/create/json', {})
    return (SerialNumber: string) => asks(topic, { certificateOwnershipToken, parameters: { SerialNumber } })
  }

  it('a device comes by template, claim, allow list and the verdict of the flow', async () => {
    const { send, outputs, node } = await load()
    const [made, key] = [outputs(3, 3), outputs(1, 4)]
    send({ action: 'template', payload: { name: 'pumps', ...settings, allowList: 'line' } })
    send({ action: 'allow', payload: { list: 'line', entries: ['1', '2'] } })
    send({ action: 'claim', payload: { id: 'batch', templates: ['pumps'], keyType: 'ec-p256' } })
    await made
    const comes = await deviceWith((await key)[0]!.payload)
    const [came, refused] = [outputs(1, 1), outputs(2, 2)]

    const first = outputs(1)
    const denied = comes('1')
    const [no] = await first
    assert.deepEqual([no!.payload.deviceId, no!.payload.parameters.SerialNumber], ['pump-1', '1'])
    node.receive({ ...no, provision: { ...no!.provision, allow: false, reason: 'not today' } } as never)
    assert.equal((await denied).errorCode, 'AccessDenied')

    assert.equal((await comes('9')).errorCode, 'AccessDenied', 'it is not on the list')
    const again = outputs(1)
    const admitted = comes('1')
    const [yes] = await again
    node.receive({ ...yes, provision: { ...yes!.provision, allow: true, tags: { site: 'a' } } } as never)
    assert.deepEqual(await admitted, { thingName: 'pump-1', deviceConfiguration: {} })
    assert.equal((await came)[0]!.device, 'pump-1')
    assert.deepEqual(
      (await refused).map(({ payload }) => [payload.state, payload.code]),
      [
        ['DENIED', 'PROV_DENIED'],
        ['DENIED', 'PROV_DENIED'],
      ],
    )
    const { tags, state } = await hub.devices.get({ id: 'pump-1' })
    assert.deepEqual([tags, state], [{ site: 'a' }, 'active'])
  })

  it('what a node was asked before it was deployed again, its successor is asked', async () => {
    const asked: ProvisioningQuestion[][] = [[], []]
    const open = (to: ProvisioningQuestion[]) =>
      Questions.open(hub, { wanted: () => true, ask: one => void to.push(one), ended() {}, failed: error => assert.fail(error) })
    await hub.provisioning.createTemplate({ name: 'pumps', settings })
    const made = await hub.provisioning.createClaim({ id: 'b', settings: { templates: ['pumps'], keyType: 'ec-p256' } })
    const comes = await deviceWith({ ...made.secrets!, caPem: made.caPem })
    const before = await open(asked[0]!)
    const answer = comes('7')
    await until(() => asked[0]!.length, 30_000)
    await before.close({ gone: false })
    const after = await open(asked[1]!)
    await until(() => asked[1]!.length)
    assert.deepEqual(asked[1], asked[0])
    await after.answer(asked[1]![0]!.request.id, { allow: true })
    assert.equal((await answer).thingName, 'pump-7')
    await after.close({ gone: true })
  })
})
