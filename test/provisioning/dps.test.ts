import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { advanced } from '../../src/provisioning/dps-state.ts'
import { codeOf } from '../pki/make.ts'
import { certifiedDevice, createFakeDevices, dpsHouse, hours, minutes, sasDevice, settled } from './dps-house.ts'

const lamp = sasDevice('Lamp-1')

describe('a registration', () => {
  it('is assigning first, then assigned to this hub, with the enrolment in its device', async () => {
    const house = await dpsHouse()
    await house.group({
      initialTwin: { desired: { every: 60 }, tags: { site: 'north' } },
      attributes: { line: '4' },
      model: 'lamp',
      policies: ['small'],
      groups: ['lamps'],
    })
    const first = await house.register(lamp)
    assert.equal(first.status, 'assigning')
    assert.equal(first.retryAfterS, 2)
    await house.dps.idle()
    const { status, registration } = await house.dps.status(lamp, first)
    assert.equal(status, 'assigned')
    assert.equal(registration?.deviceId, 'Lamp-1')
    assert.equal(registration?.assignedHub, 'hub.test')
    assert.equal(registration?.substatus, 'initialAssignment')
    assert.deepEqual(house.devices.plans, [
      {
        deviceId: 'Lamp-1',
        credential: { kind: 'sas-derived', groupId: 'fleet', registrationId: 'Lamp-1' },
        enrolmentId: 'fleet',
        tags: { site: 'north' },
        attributes: { line: '4' },
        desired: { every: 60 },
        model: 'lamp',
        policies: ['small'],
        groups: ['lamps'],
        existing: 'migrate',
        by: 'enrolment fleet',
      },
    ])
    assert.deepEqual(
      house.events.map(({ state }) => state),
      ['CLAIM_VERIFIED', 'ISSUED', 'ACTIVE'],
    )
  })

  it('repeated while it runs, or before its end was heard, is the same operation', async () => {
    const house = await dpsHouse()
    await house.group()
    const [one, two] = await Promise.all([house.register(lamp), house.register(lamp)])
    assert.equal(one.operationId, two.operationId)
    await house.dps.idle()
    assert.equal((await house.register(lamp)).operationId, one.operationId)
    await house.dps.status(lamp, one)
    assert.notEqual((await house.register(lamp)).operationId, one.operationId)
    await house.dps.idle()
    assert.equal(house.devices.plans.length, 2)
  })

  it('of another spelling is the same device, under the first spelling, with a key of the new one', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.outcome(lamp)
    const { registration } = await house.outcome(sasDevice('LAMP-1'))
    assert.equal(registration?.deviceId, 'Lamp-1')
    assert.equal(registration?.registrationId, 'Lamp-1')
    assert.deepEqual(house.devices.plans[1]?.credential, { kind: 'sas-derived', groupId: 'fleet', registrationId: 'LAMP-1' })
  })

  it('with an individual enrolment gets its keys and its device id', async () => {
    const house = await dpsHouse()
    const { secrets } = await house.enrolments.create({
      kind: 'individual',
      registrationId: 'lamp-1',
      deviceId: 'north-lamp',
      attestation: { kind: 'sas' },
    })
    const { registration } = await house.outcome({ ...lamp, enrolmentId: 'lamp-1', enrolmentKind: 'individual' })
    assert.equal(registration?.deviceId, 'north-lamp')
    assert.deepEqual(house.devices.plans[0]?.credential, { kind: 'sas', ...secrets })
  })

  it('with a certificate hands it to the registry', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.outcome(certifiedDevice('cam', 'k1'))
    assert.deepEqual(house.devices.plans[0]?.credential, { kind: 'x509', certificatePem: 'pem of k1' })
  })

  it('of a disabled or deleted enrolment is refused, also when that happens on the way', async () => {
    const house = await dpsHouse()
    await house.group({ enabled: false })
    await assert.rejects(house.register(lamp), codeOf('PROV_DISABLED'))
    await house.enrolments.update('fleet', { enabled: true, hook: { enabled: true } })
    const questions: string[] = []
    house.desk.subscribe(({ request }) => void questions.push(request.id))
    const { operationId } = await house.register(lamp)
    await house.dps.idle()
    await house.enrolments.update('fleet', { enabled: false })
    house.desk.answer(questions[0]!, { allow: true })
    await settled(house)
    const failed = await house.dps.status(lamp, { operationId })
    assert.equal(failed.status, 'failed')
    assert.equal(failed.failure?.code, 'PROV_DISABLED')
    await house.enrolments.delete('fleet')
    await assert.rejects(house.register(lamp), codeOf('PROV_NO_ENROLMENT'))
  })

  it('proved by what its enrolment holds no more is refused, also when a person says yes afterwards', async () => {
    const house = await dpsHouse()
    await house.group({ approval: 'manual' })
    const { operationId } = await house.register(lamp)
    await house.dps.idle()
    await house.enrolments.renewKey('fleet', 'primary')
    await house.dps.approve({ operationId, by: 'user anna' })
    await settled(house)
    const { status, failure } = await house.dps.status(lamp, { operationId })
    assert.deepEqual([status, failure?.code], ['failed', 'CRED_UNKNOWN'])
    assert.equal(house.devices.plans.length, 0)
  })

  it('whose body names another id, asks for TPM, is no object or is too large, is refused', async () => {
    const house = await dpsHouse()
    await house.group()
    const of = (body: unknown) => house.dps.register(lamp, { body, ip: '' })
    await assert.rejects(of({ registrationId: 'other' }), codeOf('REQUEST_INVALID'))
    await assert.rejects(of({ tpm: { endorsementKey: 'x' } }), codeOf('REQUEST_INVALID'))
    await assert.rejects(of([]), codeOf('REQUEST_INVALID'))
    await assert.rejects(of({ payload: 'x'.repeat(70_000) }), codeOf('PROV_INVALID'))
    await assert.rejects(of({ payload: JSON.parse('['.repeat(60) + ']'.repeat(60)) }), codeOf('PROV_INVALID'))
    await of({ registrationId: 'LAMP-1' })
    await house.dps.idle()
  })

  it('belongs to its registration id: nobody else hears of it, and no old operation answers', async () => {
    const house = await dpsHouse()
    await house.group()
    const mine = await house.outcome(lamp)
    await assert.rejects(house.dps.status(sasDevice('other'), mine), codeOf('PROV_NO_OPERATION'))
    await house.outcome(sasDevice('other'))
    await assert.rejects(house.dps.status(sasDevice('other'), mine), codeOf('PROV_NO_OPERATION'))
    await house.outcome(lamp)
    await assert.rejects(house.dps.status(lamp, mine), codeOf('PROV_NO_OPERATION'))
    await assert.rejects(house.dps.status(lamp, { operationId: '' }), codeOf('PROV_NO_OPERATION'))
  })

  it('is known for an hour after its end, and its device for ever', async () => {
    const house = await dpsHouse()
    await house.group()
    const done = await house.outcome(lamp)
    house.clock.turn(hours(1) - 1)
    await house.dps.sweep()
    assert.equal((await house.dps.status(lamp, done)).status, 'assigned')
    house.clock.turn(1)
    await assert.rejects(house.dps.status(lamp, done), codeOf('PROV_NO_OPERATION'))
    house.clock.turn(1)
    const { tx } = house.store
    house.store.tx = async () => {
      throw new LoomError('STORE_VERSION_CONFLICT', 'it registers again')
    }
    await house.dps.sweep()
    house.store.tx = tx
    await house.dps.sweep()
    assert.equal(await house.store.count('dps_operations'), 0)
    assert.equal((await house.dps.lookup(lamp)).deviceId, 'Lamp-1')
    await assert.rejects(house.dps.lookup(sasDevice('other')), codeOf('PROV_NO_OPERATION'))
  })

  it('that the registry refuses has failed for good, one that its store cannot write is tried again', async () => {
    const house = await dpsHouse()
    await house.group()
    house.devices.failures.push(new LoomError('IDENTITY_RETIRED', '"Lamp-1"'))
    const failed = await house.outcome(lamp)
    assert.deepEqual(failed.failure, { code: 'IDENTITY_RETIRED', message: 'the device is retired' })
    house.devices.failures.push(new LoomError('STORE_LIMIT', 'full'), new Error('what'))
    assert.equal((await house.outcome(lamp)).status, 'assigning')
    house.clock.turn(minutes(1))
    await house.dps.idle()
    house.clock.turn(minutes(1))
    await house.dps.idle()
    assert.equal((await house.register(lamp)).status, 'assigned')
    assert.deepEqual(
      house.events.filter(({ type }) => type === 'fault').map(({ code }) => code),
      ['STORE_LIMIT', 'NODE_FAULT'],
    )
  })

  it('goes on after a restart, also in the middle of a question', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true } })
    house.desk.subscribe(() => {})
    const { operationId } = await house.register(lamp)
    await house.dps.idle()
    await house.dps.close()
    const next = await dpsHouse({ store: house.store, clock: house.clock, hook: { ask: async () => ({ allow: true }) } })
    await settled(next)
    const { status, registration } = await next.dps.status(lamp, { operationId })
    assert.equal(status, 'assigned')
    assert.equal(registration?.deviceId, 'Lamp-1')
    assert.equal(house.devices.plans.length, 0)
  })

  it('is refused for now beyond the open ones, and while another proof of its id is at it', async () => {
    const house = await dpsHouse({ limits: { open: 2 } })
    await house.group({ hook: { enabled: true } })
    house.desk.subscribe(() => {})
    await house.outcome(certifiedDevice('a', 'k1'))
    await house.outcome(sasDevice('b'))
    await assert.rejects(house.register(sasDevice('c')), codeOf('PROV_THROTTLED'))
    await assert.rejects(house.register(certifiedDevice('a', 'k2')), codeOf('PROV_THROTTLED'))
    assert.equal(house.events.at(-1)?.type, 'clone-suspected')
    house.desk.answer(house.desk.open()[0]!.request.id, { allow: false })
    await settled(house)
    await house.register(sasDevice('c'))
  })

  it('works on a few at a time', async () => {
    let [working, most] = [0, 0]
    const house = await dpsHouse({ limits: { concurrent: 3 } })
    const { devices } = house
    const { apply } = devices
    devices.apply = async plan => {
      most = Math.max(most, ++working)
      await new Promise(resolve => setImmediate(resolve))
      working--
      return apply(plan)
    }
    await house.group()
    for (let at = 0; at < 20; at++) await house.register(sasDevice(`d${at}`))
    await house.dps.idle()
    assert.equal(devices.plans.length, 20)
    assert.ok(most <= 3, `${most}`)
  })

  it('writes what an audit wants in the same transaction', async () => {
    const house = await dpsHouse({
      also: ({ operationId, state }) => [{ op: 'put', coll: 'facts', id: `${operationId} ${state}`, doc: {} }],
    })
    await house.group()
    await assert.rejects(house.register(lamp), codeOf('STORE_QUERY_INVALID'))
    assert.equal(await house.store.count('dps_operations'), 0)
    await house.store.declare('facts', {})
    await house.outcome(lamp)
    assert.equal(await house.store.count('facts'), 3)
  })
})

describe('registering again', () => {
  const cases = [
    ['migrate', 'hub.test', 'reprovisionedToInitialAssignment', 'migrate'],
    ['migrate', 'far.test', 'deviceDataMigrated', 'migrate'],
    ['reset', 'hub.test', 'deviceDataReset', 'reset'],
    ['reset', 'far.test', 'deviceDataReset', 'reset'],
    ['never', 'hub.test', 'reprovisionedToInitialAssignment', 'keep'],
  ] as const
  for (const [reprovision, hub, substatus, existing] of cases)
    it(`with ${reprovision}, now allocated to ${hub}: ${substatus}`, async () => {
      const far = createFakeDevices()
      const house = await dpsHouse({ devicesOf: name => (name === 'far.test' ? far : undefined) })
      await house.group({ reprovision })
      const first = await house.outcome(lamp)
      house.clock.turn(1000)
      const hubs = [{ host: hub === 'hub.test' ? 'self' : hub }]
      await house.enrolments.update('fleet', { allocation: { policy: 'static', hubs } })
      const { registration } = await house.outcome(lamp)
      assert.equal(registration?.assignedHub, hub)
      assert.equal(registration?.substatus, substatus)
      assert.equal(registration?.createdAt, first.registration?.createdAt)
      assert.equal([...house.devices.plans.slice(1), ...far.plans][0]?.existing, existing)
    })

  it('with never, stays where it was', async () => {
    const house = await dpsHouse()
    await house.group({ reprovision: 'never' })
    await house.outcome(lamp)
    await house.enrolments.update('fleet', { allocation: { policy: 'static', hubs: [{ host: 'far.test' }] } })
    assert.equal((await house.outcome(lamp)).registration?.assignedHub, 'hub.test')
  })

  it('after being forgotten is the first time', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.outcome(lamp)
    await house.dps.forget('LAMP-1')
    assert.equal((await house.outcome(lamp)).registration?.substatus, 'initialAssignment')
    assert.deepEqual(
      (await house.dps.registrations({ enrolmentId: 'fleet' })).items.map(one => one.registrationId),
      ['Lamp-1'],
    )
  })
})

describe('registrations', () => {
  it('are found by enrolment and by device', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.group({ id: 'second' })
    for (const id of ['a', 'b']) await house.outcome(sasDevice(id))
    await house.outcome(sasDevice('c', 'second'))
    const ids = async (o: object) => (await house.dps.registrations(o)).items.map(({ registrationId }) => registrationId)
    assert.deepEqual(await ids({}), ['a', 'b', 'c'])
    assert.deepEqual(await ids({ enrolmentId: 'fleet' }), ['a', 'b'])
    assert.deepEqual(await ids({ deviceId: 'c' }), ['c'])
    assert.deepEqual(await ids({ deviceId: 'c', enrolmentId: 'fleet' }), [])
    const first = await house.dps.registrations({ limit: 2 })
    assert.deepEqual(
      (await house.dps.registrations({ cursor: first.next! })).items.map(({ deviceId }) => deviceId),
      ['c'],
    )
  })
})

describe('what a proof is good for', () => {
  it('ends with any change of the enrolment that took it, even within one millisecond', async () => {
    const house = await dpsHouse()
    const { enrolment } = await house.group()
    const proved = { ...lamp, enrolmentUpdatedAt: enrolment.updatedAt }
    assert.equal((await house.outcome(proved)).status, 'assigned')
    const renewed = await house.enrolments.renewKey('fleet', 'primary')
    await assert.rejects(house.register(proved), codeOf('CRED_UNKNOWN'))
    const anew = { ...lamp, enrolmentUpdatedAt: renewed.enrolment.updatedAt }
    assert.equal((await house.outcome(anew)).status, 'assigned')
    await house.enrolments.delete('fleet')
    await assert.rejects(house.register(anew), codeOf('PROV_NO_ENROLMENT'))
  })

  it('the look-up of what it registered itself, payload and all; lists leave the payload out', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true } })
    await house.group({ id: 'second' })
    house.desk.subscribe(({ request: { id } }) => house.desk.answer(id, { allow: true, payload: { psk: 'x' } }))
    const camera = certifiedDevice('Cam-1', 'k1')
    await house.outcome(camera)
    await settled(house)
    assert.deepEqual((await house.dps.lookup(camera)).payload, { psk: 'x' })
    for (const other of [
      certifiedDevice('Cam-1', 'k2'),
      certifiedDevice('Cam-1', 'k1', 'second'),
      { ...camera, kind: 'sas' as const },
      sasDevice('Cam-1'),
    ])
      await assert.rejects(house.dps.lookup(other), codeOf('PROV_NO_OPERATION'))
    const { items } = await house.dps.registrations()
    assert.deepEqual([items.length, items.some(one => 'payload' in one)], [1, false])
    await house.enrolments.update('fleet', { enabled: false })
    await assert.rejects(house.dps.lookup(camera), codeOf('PROV_NO_OPERATION'))
  })

  it('ten registrations at once, then five a minute; others go on', async () => {
    const house = await dpsHouse()
    await house.group()
    for (let n = 0; n < 10; n++) assert.equal((await house.outcome(lamp)).status, 'assigned')
    await assert.rejects(house.register(lamp), codeOf('PROV_THROTTLED'))
    assert.equal((await house.outcome(sasDevice('Lamp-2'))).status, 'assigned')
    house.clock.turn(minutes(1))
    for (let n = 0; n < 5; n++) await house.outcome(lamp)
    await assert.rejects(house.register({ ...lamp, registrationId: 'LAMP-1' }), codeOf('PROV_THROTTLED'))
  })
})

describe('allocation of a registration', () => {
  it('to a hub that is not reached from here makes no device here', async () => {
    const house = await dpsHouse()
    await house.group({ allocation: { policy: 'static', hubs: [{ host: 'far.test:8883' }] } })
    const { registration } = await house.outcome(lamp)
    assert.equal(registration?.assignedHub, 'far.test:8883')
    assert.equal(house.devices.plans.length, 0)
    assert.equal(house.events.at(-1)?.hub, 'far.test:8883')
  })

  it('custom is what the verdict says, and fails without', async () => {
    const house = await dpsHouse()
    await house.group({ allocation: { policy: 'custom' }, hook: { enabled: true } })
    house.desk.subscribe(({ request }) => house.desk.answer(request.id, { allow: true, hub: 'Far.Test' }))
    assert.equal(
      (
        await house
          .outcome(lamp)
          .then(() => settled(house))
          .then(() => house.dps.lookup(lamp))
      ).assignedHub,
      'far.test',
    )
    const silent = await dpsHouse()
    await silent.group({ allocation: { policy: 'custom' }, hook: { enabled: true } })
    silent.desk.subscribe(({ request }) => silent.desk.answer(request.id, { allow: true }))
    const { operationId } = await silent.register(lamp)
    await settled(silent)
    assert.equal((await silent.dps.status(lamp, { operationId })).failure?.code, 'PROV_DENIED')
  })

  it('to this hub is told under the name the device dialled', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.dps.register(lamp, { ip: '', sniHost: 'dialled.test:9000' })
    await house.dps.idle()
    assert.equal((await house.dps.lookup(lamp)).assignedHub, 'dialled.test:9000')
  })
})

describe('quota', () => {
  it('counts devices, not registrations, and survives a restart and a rush', async () => {
    const house = await dpsHouse()
    await house.group({ quota: 3 })
    await house.outcome(lamp)
    await house.outcome(lamp)
    const next = await dpsHouse({ store: house.store, clock: house.clock })
    const rush = Array.from({ length: 10 }, (_, at) => sasDevice(`rush-${at}`))
    const operations = await Promise.all(rush.map(one => next.register(one)))
    await next.dps.idle()
    const states = await Promise.all(rush.map((one, at) => next.dps.status(one, operations[at]!)))
    assert.equal(states.filter(({ status }) => status === 'assigned').length, 2)
    assert.equal(states.filter(({ failure }) => failure?.code === 'PROV_QUOTA').length, 8)
    assert.equal((await next.outcome(lamp)).status, 'assigned')
    await next.dps.forget('Lamp-1')
    assert.equal((await next.outcome(sasDevice('late'))).status, 'assigned')
  })
})

describe('the state machine', () => {
  it('knows the way and nothing beside it', () => {
    assert.equal(advanced('CLAIM_VERIFIED', 'PENDING_APPROVAL'), 'PENDING_APPROVAL')
    assert.throws(() => advanced('UNKNOWN', 'ACTIVE'), TypeError)
    assert.throws(() => advanced('DENIED', 'ISSUED'), TypeError)
    assert.throws(() => advanced('PENDING_APPROVAL', 'ACTIVE'), TypeError)
  })
})
