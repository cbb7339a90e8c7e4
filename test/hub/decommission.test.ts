import assert from 'node:assert/strict'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { decommissionSteps } from '../../src/hub/decommission.ts'
import type { Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const limitMs = 30_000
const line = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: 'topic/line/*' }],
})
const whole = { from: 0, to: 4e12 }
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

describe('the decommission of a device', function () {
  this.timeout(90_000)
  let hub: Hub
  let options: HubOptions
  const clients: MqttClient[] = []
  const open = async (store: HubOptions['store'] = 'sqlite') => {
    options = {
      hubId: 'gone',
      dataDir: join(tempFolder('gone'), 'data'),
      store,
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    }
    hub = await startHub(options)
  }
  const again = async () => {
    await hub.close()
    hub = await startHub(options)
  }
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })
  const register = async (id: string) =>
    (
      await hub.devices.register({
        id,
        credentials: { kind: 'password' },
        tags: { site: 'b' },
        attributes: { rev: '7' },
        desired: { on: true },
      })
    ).secrets!.password!
  const connect = async (id: string, password: string) => {
    const { listeners } = await hub.health.get({})
    const client = await connectAsync(`mqtt://127.0.0.1:${listeners[0]!.port}`, {
      ...{ clientId: id, username: id, password, protocolVersion: 4, reconnectPeriod: 0, clean: false },
    })
    client.on('error', () => {})
    clients.push(client)
    // a connection counts a moment after its CONNACK
    await until(async () => (await hub.devices.get({ id })).connection.connected, limitMs)
    return client
  }
  const say = (device: string, i: number) =>
    hub.telemetry.inject({ device, payload: bytes({ a: i }), time: 1_700_000_000_000 + i })
  const rowsOf = async (device: string) => (await hub.query.range({ devices: [device], ...whole, limit: 10_000 })).items.length
  const lastOf = async (device: string) => (await hub.query.last({ devices: [device] })).length
  const caughtUp = () =>
    until(
      async () => (await hub.journal.consumers({})).items.every(({ name, lag }) => !name.startsWith('$warm') || lag === 0),
      limitMs,
    )

  for (const store of ['sqlite', 'json'] as const)
    it(`tells it, closes it, forgets what it had and keeps what it was; the same call gives the same report (${store})`, async () => {
      await open(store)
      await hub.groups.create({ id: 'plant' })
      await hub.policies.create({ id: 'line', text: line })
      const password = await register('pump')
      await hub.groups.add({ group: 'plant', devices: ['pump'] })
      await hub.policies.attach({ policy: 'line', target: { device: 'pump' } })
      const pump = await connect('pump', password)
      const heard: string[] = []
      pump.on('message', (topic, payload) => heard.push(`${topic} ${payload}`))
      const closed = new Promise<void>(resolve => pump.once('close', () => resolve()))
      await pump.publishAsync('dt/pump/x', '{"a":1}', { qos: 1 })
      await caughtUp()
      assert.equal(await rowsOf('pump'), 1)

      const retired = await hub.devices.retire({ id: 'pump', reason: 'scrapped', by: 'user anna' })
      await closed
      const { steps, archive, at, generation, ...rest } = retired.decommission
      assert.deepEqual([retired.state, retired.connection.connected], ['retired', false])
      assert.deepEqual(rest, { device: 'pump', by: 'user anna', reason: 'scrapped', telemetry: 'keep', done: true })
      assert.deepEqual(heard, [`devices/pump/retire ${JSON.stringify({ at, reason: 'scrapped' })}`])
      assert.deepEqual(
        steps.map(({ step, result, count }) => [step, result, count]),
        [
          ['revoke', 'done', 1],
          ['leave', 'done', 2],
          ['tell', 'done', 1],
          ['disconnect', 'done', 1],
          ['purge', 'done', undefined],
          ['forget', 'none', undefined],
          ['archive', 'done', 2],
          ['values', 'done', undefined],
          ['telemetry', 'kept', undefined],
        ],
      )
      const { credentials, groups, policies, tags, attributes, twins } = archive
      assert.deepEqual([groups, policies, tags, attributes], [['plant'], ['line'], { site: 'b' }, { rev: '7' }])
      assert.deepEqual([credentials[0]!.kind, credentials[0]!.status, twins!['']!.desired], ['password', 'active', { on: true }])
      assert.equal(generation, retired.generation)
      assert.ok(!JSON.stringify(retired).includes(password))
      assert.deepEqual((await hub.groups.groupsOf({ device: 'pump' })).direct, [])
      assert.deepEqual([await rowsOf('pump'), await lastOf('pump')], [1, 0])

      const repeated = await hub.devices.retire({ id: 'pump', by: 'user bob', reason: 'again' })
      assert.deepEqual(repeated.decommission, retired.decommission)
      await again()
      assert.deepEqual(await hub.devices.decommission({ id: 'pump' }), retired.decommission)
      await assert.rejects(connect('pump', password))
      assert.equal((await hub.audit.query({ action: 'device.retire' })).items.length, 1)
    })

  it('erases telemetry if asked, now or later; readings on their way in the journal and in flows do not come back', async () => {
    await open()
    for (const id of ['pump', 'fan', 'stay']) await register(id)
    for (let i = 0; i < 300; i++) await say('pump', i)
    await hub.telemetry.store({ rows: [{ device: 'fan', time: 1, values: { a: 1 } }] })
    await say('stay', 1)
    // the feed lingers: most of these are in the journal alone
    const sent = Promise.all(Array.from({ length: 300 }, (_, i) => say('pump', 300 + i)))
    const { decommission } = await hub.devices.retire({ id: 'pump', telemetry: 'erase' })
    assert.deepEqual([decommission.done, decommission.telemetry], [true, 'erase'])
    assert.ok(decommission.journalUntil! >= decommission.at + 86_400_000)
    await sent
    await caughtUp()
    assert.deepEqual([await rowsOf('pump'), await lastOf('pump'), await rowsOf('stay')], [0, 0, 1])
    const late = await hub.telemetry.store({
      rows: [
        { device: 'pump', time: 5, values: { a: 5 } },
        { device: 'stay', time: 5, values: { a: 5 } },
      ],
    })
    assert.deepEqual([late, await rowsOf('pump')], [{ stored: 1, duplicates: 1 }, 0])

    assert.equal((await hub.devices.retire({ id: 'fan' })).decommission.telemetry, 'keep')
    assert.equal(await rowsOf('fan'), 1)
    const more = (await hub.devices.retire({ id: 'fan', telemetry: 'erase' })).decommission
    assert.deepEqual([more.telemetry, more.steps.at(-1)!.count, more.steps.length], ['erase', 1, decommissionSteps.length])
    assert.deepEqual((await hub.devices.retire({ id: 'fan' })).decommission, more)
    assert.equal(await rowsOf('fan'), 0)
    const erased = (await hub.audit.query({ action: 'device.eraseTelemetry' })).items
    assert.deepEqual(
      erased.map(({ target }) => target),
      ['fan', 'pump'],
    )
  })

  it('keeps last values away from a device whose telemetry stays, however late they come', async () => {
    await open()
    await register('pump')
    await say('pump', 1)
    const sent = Promise.all(Array.from({ length: 50 }, (_, i) => say('pump', 2 + i)))
    await hub.devices.retire({ id: 'pump' })
    await sent
    await caughtUp()
    assert.deepEqual([await rowsOf('pump'), await lastOf('pump')], [51, 0])
  })

  it('keeps its id until the device is deleted; the next one of that id has nothing of it', async () => {
    await open()
    await register('pump')
    await say('pump', 1)
    const { decommission } = await hub.devices.retire({ id: 'pump', telemetry: 'erase' })
    await assert.rejects(hub.devices.register({ id: 'pump' }), { code: 'IDENTITY_EXISTS' })
    await assert.rejects(hub.identity.addCredential({ id: 'pump', credential: { kind: 'sas' } }), { code: 'IDENTITY_RETIRED' })
    await hub.devices.delete({ id: 'pump' })
    await assert.rejects(hub.devices.decommission({ id: 'pump' }), { code: 'IDENTITY_NOT_FOUND' })
    await register('pump')
    await assert.rejects(hub.devices.decommission({ id: 'pump' }), { code: 'NOT_FOUND' })
    // of a flow that is behind: a record from before, and one of the new device
    const { headSeq } = await hub.journal.metrics({})
    const row = (jseq: number) => ({ device: 'pump', time: jseq, values: { a: jseq }, jseq })
    assert.deepEqual(await hub.telemetry.store({ rows: [row(1), row(headSeq + 1)] }), { stored: 1, duplicates: 1 })
    await again()
    assert.deepEqual(await hub.telemetry.store({ rows: [row(2)] }), { stored: 0, duplicates: 1 })
    assert.deepEqual([await rowsOf('pump'), await lastOf('pump')], [1, 1])
    const next = (await hub.devices.retire({ id: 'pump' })).decommission
    assert.notEqual(next.generation, decommission.generation)
    assert.equal(await rowsOf('pump'), 1)
  })

  it('keeps it out of an enrolment that admitted it, until it is deleted', async () => {
    await open('memory')
    const { secrets } = await hub.provisioning.createEnrolment({
      enrolment: { id: 'plant', kind: 'group', attestation: { kind: 'sas' } } as never,
    })
    const resource = '0ne1/registrations/pump'
    const key = deriveKey(secrets!.primaryKey!, 'pump')
    const authorization = `${signSas({ key, resource, expiresAt: Date.now() + 600_000 })}&skn=registration`
    const ask = async (method: string, path: string) => {
      const request = {
        method,
        path,
        query: 'api-version=2021-06-01',
        headers: { authorization },
        body: bytes({ registrationId: 'pump' }),
      }
      const { body } = await hub.deviceHttp.handle({ request, peer: { address: '192.0.2.1', secure: true } })
      return JSON.parse(body)
    }
    const registers = async () => {
      const { operationId } = await ask('PUT', '/0ne1/registrations/pump/register')
      return until(async () => {
        const answer = await ask('GET', `/0ne1/registrations/pump/operations/${operationId}`)
        return answer.status !== 'assigning' && answer
      }, limitMs)
    }
    assert.equal((await registers()).status, 'assigned')
    const { decommission } = await hub.devices.retire({ id: 'pump' })
    const forgotten = decommission.steps.find(({ step }) => step === 'forget')!
    assert.deepEqual([forgotten.result, forgotten.count], ['done', 1])
    assert.equal((await hub.provisioning.registrations({})).items.length, 0)
    assert.notEqual((await registers()).status, 'assigned')
    assert.equal((await hub.devices.get({ id: 'pump' })).state, 'retired')
    await hub.devices.delete({ id: 'pump' })
    assert.equal((await registers()).status, 'assigned')
  })

  it('ends with a deletion by import too', async () => {
    await open()
    await register('pump')
    await hub.devices.retire({ id: 'pump', telemetry: 'erase' })
    const { operation } = await hub.imports.start({ text: 'id\npump\n', format: 'csv', op: 'delete' })
    await until(async () => (await hub.imports.get({ id: operation.id }))?.operation.state === 'done', limitMs)
    await register('pump')
    assert.deepEqual(await hub.telemetry.store({ rows: [{ device: 'pump', time: 1, values: { a: 1 } }] }), {
      stored: 1,
      duplicates: 0,
    })
    await assert.rejects(hub.devices.decommission({ id: 'pump' }), { code: 'NOT_FOUND' })
  })

  it('does not wait for a device that does not answer', async () => {
    await open('memory')
    const pump = await connect('pump', await register('pump'))
    // it takes what it is sent and acknowledges nothing
    pump.handleMessage = () => {}
    const { decommission } = await hub.devices.retire({ id: 'pump' })
    assert.deepEqual(
      decommission.steps.slice(2, 4).map(({ step, result }) => [step, result]),
      [
        ['tell', 'unanswered'],
        ['disconnect', 'done'],
      ],
    )
  })

  it('is refused under an old etag and for a device that is not there, and then changes nothing', async () => {
    await open()
    await register('pump')
    await hub.telemetry.store({ rows: [{ device: 'pump', time: 1, values: { a: 1 } }] })
    const stale = (await hub.devices.get({ id: 'pump' })).etag
    await hub.devices.update({ id: 'pump', tags: { site: 'c' } })
    await assert.rejects(hub.devices.retire({ id: 'pump', etag: stale }), { code: 'IDENTITY_CONFLICT' })
    await assert.rejects(hub.devices.retire({ id: 'nobody' }), { code: 'IDENTITY_NOT_FOUND' })
    assert.equal((await hub.devices.get({ id: 'pump' })).state, 'active')
  })
})
