import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  dialectChoices,
  faultChoices,
  modelChoices,
  recordingChoices,
  validCount,
  validFaults,
  validShadow,
} from '../../nodes/simulator/config.ts'
import { endpointOf, enrolAt } from '../../nodes/simulator/enrol.ts'
import { optionsOf } from '../../nodes/simulator/options.ts'
import simulator from '../../nodes/simulator/simulator.ts'
import hubNode from '../../nodes/hub/hub.ts'
import { setHubStarter } from '../../src/nodered/hubs.ts'
import { copyRecordings } from '../../scripts/copy-recordings.ts'
import { LoomError } from '../../src/errors.ts'
import type { CredentialRequest, DeviceSecrets, HubHealth } from '../../src/hub/hub.ts'
import { faultKinds } from '../../src/simulator/fault-spec.ts'
import { dialects } from '../../src/simulator/options.ts'
import { modelNames } from '../../src/simulator/models/catalogue.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { mqttsServer } from '../simulator/mqtts-server.ts'
import { throwawayCa } from '../simulator/throwaway-ca.ts'
import { until } from '../until.ts'

describe('loom-simulator', function () {
  this.timeout(60_000)
  let userDir: string
  let ca: Awaited<ReturnType<typeof throwawayCa>>
  let server: Awaited<ReturnType<typeof mqttsServer>>
  let hub: FakeHub
  let listening: HubHealth['listeners']

  /** The fake hub with the authority and listener of a real broker. */
  function withBroker(): FakeHub {
    const fake = fakeHub()
    const { get } = fake.health
    const { register } = fake.devices
    const { addCredential } = fake.identity
    const issued = async (id: string, credential?: CredentialRequest): Promise<Partial<DeviceSecrets>> =>
      credential?.kind === 'x509' && credential.csrPem ? ca.enrol({ id, csrPem: credential.csrPem }) : {}
    fake.health.get = async o => ({ ...(await get(o)), listeners: listening })
    fake.pki.caCertificates = async () => ({ rootPem: ca.caPem, issuingPem: '' })
    fake.devices.register = async o => {
      const { device, secrets } = await register(o)
      return { device, secrets: { ...secrets!, ...(await issued(o.id, o.credentials)) } }
    }
    fake.identity.addCredential = async o => ({ ...(await addCredential(o)), ...(await issued(o.id, o.credential)) })
    return fake
  }
  const listenerOf = (port: number): HubHealth['listeners'] => [{ kind: 'mqtts', host: '0.0.0.0', port, state: 'open' }]
  const load = (config: object = {}) =>
    flow(
      simulator,
      { type: 'loom-simulator', count: '3', intervalMs: 50, rampPerSecond: 100, ...config },
      { hub, settings: { userDir } },
    )

  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'simulator-node-'))
    ca = await throwawayCa()
    server = await mqttsServer(ca)
    listening = listenerOf(server.endpoint.port)
    hub = withBroker()
  })
  afterEach(async () => {
    await unload()
    await server.close()
    await rm(userDir, { recursive: true })
  })

  it('starts its devices with the flow, registers them and reports statistics and status', async () => {
    const { outputs, status } = await load()
    const green = status(/^3\/3 · /)
    const [first] = await outputs(1)
    assert.equal(first!.notice, 'statistics')
    assert.equal(first!.payload.devices, 3)
    assert.equal((await green).fill, 'green')
    await until(() => server.seen.length > 20)
    const { items } = await hub.devices.list({ limit: 10 })
    assert.deepEqual(
      items.map(({ id, tags }) => [id, tags]),
      ['sim-0001', 'sim-0002', 'sim-0003'].map(id => [id, { simulated: true }]),
    )
    assert.equal((await readdir(join(userDir, 'thingloom', 'test', 'simulator', 'n'))).length, 3)
  })

  it('ends with its node, and starts again with the same certificates', async () => {
    await load()
    await until(() => server.connected() === 3)
    await unload()
    await until(() => server.connected() === 0)
    const known = hub
    hub = withBroker()
    for (const { id, tags } of (await known.devices.list({ limit: 10 })).items) await hub.devices.register({ id, tags })
    await load()
    await until(() => server.connected() === 3)
    assert.equal(ca.enrolled.length, 3)
  })

  it('starts, changes and stops when told', async () => {
    const { send, outputs, seen } = await load({ autostart: false })
    assert.equal(server.connects(), 0)
    const answer = async (msg: object) => {
      const notice = until(() => seen().find(entry => entry.tag === (msg as { tag: string }).tag))
      send(msg)
      return notice
    }
    assert.equal((await answer({ tag: 'a', payload: 'start' })).notice, 'started')
    await until(() => server.connected() === 3)
    const changed = await answer({ tag: 'b', action: 'set', payload: { count: 5, intervalMs: 20 } })
    assert.deepEqual([changed.notice, changed.payload.devices], ['changed', 5])
    await until(() => server.connected() === 5)
    assert.equal((await answer({ tag: 'c', payload: 'stop' })).notice, 'stopped')
    await until(() => server.connected() === 0)
    await answer({ tag: 'd', action: 'start' })
    await until(() => server.connected() === 5)
    assert.ok(await outputs(1))
  })

  it('injects a fault into one device and reports the truth on output 2', async () => {
    const { send, outputs } = await load()
    await until(() => new Set(server.seen.map(entry => entry.client)).size === 3)
    const truth = outputs(1, 1)
    send({ action: 'inject', device: 'sim-0002', payload: { kind: 'skew', durationMs: 200, magnitude: 1_000_000 } })
    const [{ payload }] = (await truth) as [{ payload: { device: string; kind: string; seq: number }[] }]
    assert.ok(payload.length >= 1)
    for (const { device, kind, seq } of payload) {
      assert.deepEqual([device, kind], ['sim-0002', 'skew'])
      const at = (n: number) => server.seen.find(entry => entry.client === device && entry.body.seq === n)!.body.time
      assert.equal(at(seq) - at(1), 1_000_000 + (seq - 1) * 50)
    }
  })

  it('changes the parameters of one machine', async () => {
    const { send } = await load({ model: 'pump', intervalMs: 20, speed: 50 })
    await until(() => new Set(server.seen.map(entry => entry.client)).size === 3)
    send({ action: 'set', device: 'sim-0001', payload: { parameters: { speed: 0 } } })
    const flowOf = (id: string) => server.seen.findLast(entry => entry.client === id)?.body.values.flow
    await until(() => flowOf('sim-0001') === 0)
    assert.ok(Number(flowOf('sim-0002')) > 0)
  })

  it('replays a recording named without a path, and a file of the user directory', async () => {
    await copyRecordings('resources/recordings')
    for (const recording of recordingChoices) optionsOf({ recording, recordingType: 'name' }, '/')
    await writeFile(join(userDir, 'own.csv'), 'time,level\n0,1\n10,2\n')
    await load({ recording: 'own.csv', recordingType: 'path', recordingSpeed: 100 })
    await until(() => server.seen.filter(entry => entry.client === 'sim-0001').length >= 2)
    assert.deepEqual(
      server.seen
        .filter(entry => entry.client === 'sim-0001')
        .slice(0, 2)
        .map(entry => entry.body.values),
      [{ level: 1 }, { level: 2 }],
    )
    await unload()
    hub = withBroker()
    await load({ idPrefix: 'w-', recording: 'seattle-weather', recordingType: 'name', recordingSpeed: 86_400 * 20 })
    await until(() => server.seen.some(entry => entry.client === 'w-0001' && entry.body.values.weather === 'drizzle'))
  })

  it('follows a restarted hub to its new port', async () => {
    await load()
    await until(() => server.connected() === 3)
    await server.close()
    server = await mqttsServer(ca)
    listening = listenerOf(server.endpoint.port)
    hub.emit({ type: 'health', status: 'ok', at: 1 })
    await until(() => server.connected() === 3, 15_000)
  })

  const nowhere: HubHealth['listeners'] = [{ kind: 'mqtt', host: '127.0.0.1', port: 1, state: 'open' }]

  it('waits, with a status, for a hub that has no open TLS listener or does not run, and starts once it does', async () => {
    listening = nowhere
    const { status } = await load()
    let shown: { fill: string } | undefined
    void status(/not running/).then(state => {
      shown = state
    })
    hub.failing = new LoomError('HUB_DOWN')
    const { fill } = await until(() => {
      hub.emit({ type: 'metrics', at: 1, connections: 0, received: 0, headSeq: 0 })
      return shown
    }, 30_000)
    assert.deepEqual([fill, server.connects()], ['yellow', 0])
    const green = status(/^3\/3 · /)
    hub.failing = undefined
    listening = listenerOf(server.endpoint.port)
    await until(() => {
      hub.emit({ type: 'health', status: 'ok', at: 1 })
      return server.connected() === 3
    }, 30_000)
    await green
  })

  it('tells who starts it that it waits, and forgets it when stopped', async () => {
    listening = nowhere
    const { send, outputs, error } = await load({ autostart: false })
    let answer = outputs(1)
    send({ action: 'start' })
    const [waiting] = await answer
    assert.deepEqual([waiting!.notice, waiting!.payload.code], ['waiting', 'SIMULATOR_CONFIG_INVALID'])
    answer = outputs(1)
    send({ action: 'stop' })
    assert.equal((await answer)[0]!.notice, 'stopped')
    listening = listenerOf(server.endpoint.port)
    hub.emit({ type: 'health', status: 'ok', at: 1 })
    const failed = error()
    send({ action: 'inject', device: 'sim-0001', payload: { kind: 'spike' } })
    assert.equal((await failed).code, 'SIMULATOR_CONFIG_INVALID')
    assert.equal(server.connects(), 0)
  })

  it('says so when it fails after it waited', async () => {
    listening = nowhere
    const own = join(userDir, 'own.csv')
    await writeFile(own, 'time,level\n0,1\n')
    const { send, outputs, error } = await load({ recording: 'own.csv', recordingType: 'path', autostart: false })
    const waiting = outputs(1)
    send({ action: 'start' })
    await waiting
    await writeFile(own, 'nothing')
    listening = listenerOf(server.endpoint.port)
    const [failed, told] = [error(), outputs(1)]
    hub.emit({ type: 'health', status: 'ok', at: 1 })
    assert.equal((await failed).code, 'SIMULATOR_RECORDING')
    assert.equal((await told)[0]!.notice, 'failed')
  })

  it('listens to the hub as long as it lives, and not when it is refused', async () => {
    await load({ autostart: false })
    await until(() => hub.listening === 2, 30_000) // the hub's own log is the other
    await unload()
    assert.equal(hub.listening, 0)
    hub = withBroker()
    await writeFile(join(userDir, 'bad.csv'), 'nothing')
    const { error } = await load({ recording: 'bad.csv', recordingType: 'path' })
    assert.equal((await error()).code, 'SIMULATOR_RECORDING')
    assert.equal(hub.listening, 1)
  })

  it('keeps its keys in the data folder of its hub', async () => {
    const dataDir = join(userDir, 'elsewhere')
    setHubStarter(async () => hub)
    await flow(
      [hubNode, simulator],
      { type: 'loom-simulator', hub: 'own', count: 1, intervalMs: 50 },
      {
        others: [{ id: 'own', type: 'loom-hub', hubId: 'test', dataDir, store: 'memory', listeners: [] }],
        settings: { userDir },
      },
    )
    await until(() => server.connected() === 1, 30_000)
    assert.deepEqual(await readdir(join(dataDir, 'simulator', 'n')), ['sim-0001.pem'])
  })

  it('refuses what it cannot do, with a code', async () => {
    const { send, error } = await load({ autostart: false })
    for (const msg of [
      { payload: 'dance' },
      { action: 'set', payload: 5 },
      { action: 'set', payload: { count: -1 } },
      { action: 'inject', device: 'sim-0001', payload: { kind: 'melt' } },
      { action: 'inject', device: 'sim-0001', payload: { kind: 'spike' } },
    ]) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, 'SIMULATOR_CONFIG_INVALID', JSON.stringify(msg))
    }
  })

  it('says by status and code why it does not run', async () => {
    for (const [config, code] of [
      [{ count: 'many' }, 'SIMULATOR_CONFIG_INVALID'],
      [{ recording: 'none.csv', recordingType: 'path' }, 'SIMULATOR_RECORDING'],
      [{ recording: '../secret', recordingType: 'name' }, 'SIMULATOR_RECORDING'],
    ] as const) {
      const { send, error } = await load(config)
      await new Promise(resolve => setImmediate(resolve))
      const failed = error()
      send({ payload: 'start' })
      assert.equal((await failed).code, code)
      await unload()
      hub = withBroker()
    }
  })

  it('needs an open TLS listener, and reaches one that listens everywhere on this machine', async () => {
    listening = [{ kind: 'mqtt', host: '127.0.0.1', port: 1, state: 'open' }]
    await assert.rejects(endpointOf(hub), { code: 'SIMULATOR_CONFIG_INVALID' })
    const { get } = hub.health
    hub.health.get = async o => ({ ...(await get(o)), listeners: [], status: 'starting' })
    await assert.rejects(endpointOf(hub), { code: 'HUB_DOWN', message: /it is starting/ })
    hub.health.get = get
    listening = [
      { kind: 'mqtts', host: '127.0.0.1', port: 2, state: 'failed' },
      { kind: 'mqtts', host: '::', port: 3, state: 'open' },
    ]
    assert.deepEqual(await endpointOf(hub), { host: '::1', port: 3, caPem: `${ca.caPem.trim()}\n` })
  })

  it('never takes over a real device, and makes room among its own credentials', async () => {
    const fake = fakeHub()
    await fake.devices.register({ id: 'real' })
    await assert.rejects(enrolAt(fake, 'test')({ id: 'real', csrPem: 'x' }), { code: 'IDENTITY_EXISTS' })
    await fake.devices.register({ id: 'own', tags: { simulated: true }, credentials: { kind: 'x509', csrPem: 'a' } })
    const { addCredential } = fake.identity
    fake.identity.addCredential = async o => {
      const { credentials } = await fake.devices.get({ id: o.id })
      if (credentials.filter(c => c.status === 'active').length >= 2) throw new LoomError('CRED_LIMIT')
      return { ...(await addCredential(o)), certificatePem: 'C' }
    }
    for (let i = 0; i < 3; i++) assert.deepEqual(await enrolAt(fake, 'test')({ id: 'own', csrPem: 'x' }), { certificatePem: 'C' })
    const { credentials } = await fake.devices.get({ id: 'own' })
    assert.deepEqual(
      credentials.map(c => c.status),
      ['revoked', 'revoked', 'active', 'active'],
    )
  })

  it('offers in its dialog what the simulator knows, and judges alike', () => {
    assert.deepEqual(modelChoices, ['mixed', ...modelNames])
    assert.deepEqual(faultChoices, Object.keys(faultKinds))
    assert.deepEqual(dialectChoices, dialects)
    for (const shadow of ['', ' climate ', 'a:b_$-', 'x'.repeat(64)]) {
      assert.ok(validShadow(shadow))
      assert.equal(optionsOf({ dialect: 'aws', shadow }, '/').shadow, shadow.trim())
    }
    for (const shadow of ['two words', 'a.b', 'a/b', '~classic', 'x'.repeat(65)]) {
      assert.ok(!validShadow(shadow))
      assert.throws(() => optionsOf({ dialect: 'aws', shadow }, '/'), { code: 'SIMULATOR_CONFIG_INVALID', position: 'shadow' })
    }
    assert.throws(() => optionsOf({ dialect: 'azure' as 'aws' }, '/'), { position: 'dialect' })
    const variable = `\${THINGLOOM_DEVICES}`
    for (const count of [1, '50', variable]) assert.ok(validCount(count))
    for (const count of [0, '', 'many', 1.5, 10_001]) assert.ok(!validCount(count))
    assert.equal(optionsOf({ count: variable }, '/').count, 50)
    assert.ok(validFaults([{ kind: 'spike', probability: '', everyMs: 5 }]))
    assert.ok(!validFaults([{ kind: 'spike', probability: 2 }]))
    assert.ok(!validFaults([{ kind: 'melt' }]))
  })
})
