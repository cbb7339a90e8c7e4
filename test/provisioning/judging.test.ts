import assert from 'node:assert/strict'
import { codeOf } from '../pki/make.ts'
import { certifiedDevice, dpsHouse, hours, minutes, sasDevice, settled } from './dps-house.ts'

const cam = certifiedDevice('cam', 'k1')
type House = Awaited<ReturnType<typeof dpsHouse>>

const pendingIds = async (house: House) => (await house.dps.pending()).items.map(({ registrationId }) => registrationId)
const stateOf = async (house: House, operation: { operationId: string }, who = cam) => {
  await settled(house)
  return house.dps.status(who, operation)
}

describe('approval by a person', () => {
  it('is waited for, seldom after a minute, and let the device in with what the person adds', async () => {
    const house = await dpsHouse()
    await house.group({ approval: 'manual' })
    const operation = await house.outcome(cam, { model: 7 })
    assert.equal(operation.status, 'assigning')
    assert.equal(operation.retryAfterS, 2)
    house.clock.turn(minutes(1))
    assert.equal((await house.dps.status(cam, operation)).retryAfterS, 30)
    const { items } = await house.dps.pending()
    assert.deepEqual(items, [
      {
        operationId: operation.operationId,
        registrationId: 'cam',
        enrolmentId: 'fleet',
        attestation: { kind: 'x509', fingerprint: 'f-k1', subject: 'CN=cam' },
        payload: { model: 7 },
        ip: '192.0.2.7',
        since: house.clock.now - minutes(1),
        until: house.clock.now + minutes(59),
      },
    ])
    const verdict = { tags: { by: 'hand' }, payload: { hello: 1 }, deviceId: 'cam-north' }
    await house.dps.approve({ operationId: operation.operationId, by: 'user anna', verdict })
    await house.dps.idle()
    const { status, registration } = await house.dps.status(cam, operation)
    assert.equal(status, 'assigned')
    assert.equal(registration?.deviceId, 'cam-north')
    assert.deepEqual(registration?.payload, { hello: 1 })
    assert.deepEqual(house.devices.plans[0]?.tags, { by: 'hand' })
    assert.equal(house.devices.plans[0]?.existing, 'refuse')
    assert.deepEqual(
      house.events.map(({ state, by }) => [state, by]),
      [
        ['CLAIM_VERIFIED', 'registration cam'],
        ['PENDING_APPROVAL', 'registration cam'],
        ['ISSUED', 'user anna'],
        ['ACTIVE', 'registration cam'],
      ],
    )
    assert.deepEqual(await pendingIds(house), [])
    assert.equal((await house.outcome(cam)).status, 'assigned', 'a known device needs no second approval')
    assert.equal(house.devices.plans[1]?.deviceId, 'cam-north')
  })

  it('can be refused, with a reason the device hears', async () => {
    const house = await dpsHouse()
    await house.group({ approval: 'manual' })
    const { operationId } = await house.outcome(cam)
    await house.dps.deny({ operationId, by: 'user anna', reason: `stolen${'!'.repeat(200)}` })
    const { status, failure } = await house.dps.status(cam, { operationId })
    assert.equal(status, 'failed')
    assert.equal(failure?.code, 'PROV_DENIED')
    assert.match(failure!.message, /^the registration was refused: stolen!{94}$/)
    await assert.rejects(house.dps.approve({ operationId, by: 'user anna' }), codeOf('PROV_NO_OPERATION'))
    await assert.rejects(house.dps.deny({ operationId: 'x', by: 'user anna' }), codeOf('PROV_NO_OPERATION'))
    assert.equal(house.devices.plans.length, 0)
  })

  it('that nobody gives within an hour is a failure', async () => {
    const house = await dpsHouse()
    await house.group({ approval: 'manual' })
    const operation = await house.outcome(cam)
    house.clock.turn(hours(1) - 1)
    await house.dps.sweep()
    assert.equal((await stateOf(house, operation)).status, 'assigning')
    house.clock.turn(1)
    await assert.rejects(house.dps.approve({ operationId: operation.operationId, by: 'late' }), codeOf('PROV_NO_OPERATION'))
    await house.dps.sweep()
    assert.equal((await stateOf(house, operation)).failure?.code, 'PROV_HOOK_TIMEOUT')
    assert.deepEqual(await pendingIds(house), [])
    assert.equal((await house.outcome(cam)).status, 'assigning', 'the next try begins anew')
  })

  it('survives a restart, before and after the word was given', async () => {
    const house = await dpsHouse()
    await house.group({ approval: 'manual' })
    const operation = await house.outcome(cam)
    await house.dps.close()
    const next = await dpsHouse({ store: house.store, clock: house.clock })
    assert.deepEqual(await pendingIds(next), ['cam'])
    assert.equal((await stateOf(next, operation)).status, 'assigning')
    next.devices.failures.push(new Error('power cut'))
    await next.dps.approve({ operationId: operation.operationId, by: 'user anna' })
    await next.dps.idle()
    await next.dps.close()
    const last = await dpsHouse({ store: house.store, clock: house.clock })
    assert.equal((await stateOf(last, operation)).status, 'assigned')
  })
})

describe('the hook', () => {
  it('sees the request and may override everything', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true }, policies: ['small'], groups: ['lamps'], attributes: { a: '1', b: '2' } })
    const asked: unknown[] = []
    house.desk.subscribe(({ request }) => {
      asked.push(request)
      house.desk.answer(request.id, {
        allow: true,
        deviceId: 'cam-9',
        tags: { t: 1 },
        attributes: { b: '3' },
        desired: { d: 1 },
        policies: ['big'],
        groups: [],
        hub: 'hub.test',
        payload: [1],
      })
    })
    const { operationId } = await house.register(cam, { secret: 'none' })
    const { registration } = await stateOf(house, { operationId })
    assert.deepEqual(asked, [
      {
        id: operationId,
        kind: 'dps',
        enrolmentId: 'fleet',
        registrationId: 'cam',
        deviceId: 'cam',
        parameters: {},
        payload: { secret: 'none' },
        attestation: { kind: 'x509', fingerprint: 'f-k1', subject: 'CN=cam' },
        ip: '192.0.2.7',
        at: house.clock.now,
      },
    ])
    assert.equal(registration?.hub, 'self')
    const [plan] = house.devices.plans
    assert.deepEqual(
      [plan?.deviceId, plan?.tags, plan?.attributes, plan?.desired, plan?.policies, plan?.groups],
      ['cam-9', { t: 1 }, { a: '1', b: '3' }, { d: 1 }, ['big'], []],
    )
  })

  it('that says no fails the registration with its reason', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true } })
    house.desk.subscribe(({ request }) => house.desk.answer(request.id, { allow: false, reason: 'not paid' }))
    const { failure } = await stateOf(house, await house.register(cam))
    assert.deepEqual(failure, { code: 'PROV_DENIED', message: 'the registration was refused: not paid' })
  })

  for (const [otherwise, status, code] of [
    ['deny', 'failed', 'PROV_HOOK_TIMEOUT'],
    ['allow', 'assigned', undefined],
    ['approval', 'assigning', undefined],
  ] as const)
    it(`that gives no verdict in time counts as ${otherwise}`, async () => {
      const house = await dpsHouse()
      await house.allowLists.create('list')
      await house.allowLists.add('list', [{ serial: 'cam' }])
      await house.group({ hook: { enabled: true, timeoutMs: 10_000, default: otherwise }, allowList: 'list' })
      house.desk.subscribe(() => {})
      const operation = await house.register(cam)
      await settled(house)
      house.clock.turn(9999)
      assert.equal((await stateOf(house, operation)).status, 'assigning')
      house.clock.turn(1)
      const after = await stateOf(house, operation)
      assert.equal(after.status, status)
      assert.equal(after.failure?.code, code)
      assert.deepEqual(await pendingIds(house), otherwise === 'approval' ? ['cam'] : [])
      assert.equal(house.clock.timers, 0)
    })

  it('that nobody serves decides at once by its default, and one that fails too', async () => {
    const alone = await dpsHouse()
    await alone.group({ hook: { enabled: true } })
    assert.equal((await stateOf(alone, await alone.register(cam))).failure?.code, 'PROV_HOOK_TIMEOUT')
    const broken = await dpsHouse({
      hook: {
        ask: () => {
          throw new Error('flow fault')
        },
      },
    })
    await broken.group({ hook: { enabled: true } })
    assert.equal((await stateOf(broken, await broken.register(cam))).failure?.code, 'PROV_HOOK_TIMEOUT')
    const odd = await dpsHouse({ hook: { ask: async () => ({ allow: 'yes' }) as never } })
    await odd.group({ hook: { enabled: true } })
    assert.equal((await stateOf(odd, await odd.register(cam))).failure?.code, 'PROV_HOOK_TIMEOUT')
  })

  it('with too many waiting is asked again later', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true, timeoutMs: 60_000 } })
    house.desk.subscribe(() => {})
    const many = Array.from({ length: 101 }, (_, at) => sasDevice(`d${at}`))
    for (const one of many) await house.register(one)
    await settled(house)
    assert.equal(house.desk.open().length, 100)
    for (const { request } of house.desk.open()) house.desk.answer(request.id, { allow: true })
    await settled(house)
    house.clock.turn(3000)
    await settled(house)
    assert.equal(house.desk.open().length, 1)
  })

  it('comes before the person, who has the last word', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true }, approval: 'manual' })
    house.desk.subscribe(({ request }) =>
      house.desk.answer(request.id, { allow: true, tags: { from: 'flow' }, desired: { x: 1 } }),
    )
    const operation = await house.register(cam)
    assert.equal((await stateOf(house, operation)).status, 'assigning')
    await house.dps.approve({ operationId: operation.operationId, by: 'anna', verdict: { tags: { from: 'anna' } } })
    assert.equal((await stateOf(house, operation)).status, 'assigned')
    assert.deepEqual(house.devices.plans[0]?.tags, { from: 'anna' })
    assert.deepEqual(house.devices.plans[0]?.desired, { x: 1 })
  })
})

describe('a clone', () => {
  const suspected = (house: House) => house.events.filter(({ type }) => type === 'clone-suspected').length

  it('is suspected in a known registration with another key; the same key in a new certificate is none', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.outcome(cam)
    assert.equal((await house.outcome({ ...cam, fingerprint: 'renewed', certificatePem: 'new' })).status, 'assigned')
    const operation = await house.outcome(certifiedDevice('CAM', 'k2'))
    assert.equal(operation.status, 'assigning')
    assert.equal((await house.dps.pending()).items[0]?.suspicion, 'it was registered with another key')
    assert.equal(suspected(house), 1)
    await house.dps.approve({ operationId: operation.operationId, by: 'anna' })
    await settled(house)
    assert.equal((await house.outcome(certifiedDevice('cam', 'k2'))).status, 'assigned')
    assert.equal((await house.outcome(cam)).status, 'assigning', 'now the old key is the other one')
  })

  it('is suspected in another proof or another group, but not in what an individual enrolment says', async () => {
    const house = await dpsHouse()
    await house.group()
    await house.group({ id: 'second' })
    await house.outcome(cam)
    assert.equal((await house.outcome(sasDevice('cam'))).status, 'assigning')
    await house.dps.deny({ operationId: (await house.dps.pending()).items[0]!.operationId, by: 'anna' })
    assert.equal((await house.outcome(certifiedDevice('cam', 'k1', 'second'))).status, 'assigning')
    await house.dps.deny({ operationId: (await house.dps.pending()).items[0]!.operationId, by: 'anna' })
    await house.enrolments.create({ kind: 'individual', registrationId: 'Cam', attestation: { kind: 'sas' } })
    assert.equal((await house.outcome({ ...sasDevice('cam', 'Cam'), enrolmentKind: 'individual' })).status, 'assigned')
    assert.equal(suspected(house), 2)
  })

  it('is suspected behind the id of a device that no enrolment made', async () => {
    const house = await dpsHouse()
    await house.group()
    house.devices.known.set('cam', { deviceId: 'cam', enabled: true, state: 'active' })
    assert.equal((await house.outcome(cam)).status, 'assigning')
    house.devices.known.set('lamp', { deviceId: 'lamp', enabled: true, state: 'active', enrolmentId: 'fleet' })
    assert.equal((await house.outcome(sasDevice('lamp'))).status, 'assigned')
  })

  it('with the key of another device is refused at once', async () => {
    const house = await dpsHouse()
    await house.group()
    house.devices.keys.set('k1', 'other')
    const { failure } = await house.outcome(cam)
    assert.deepEqual(failure, { code: 'PKI_KEY_REUSED', message: 'that key belongs to another certificate' })
    assert.equal(suspected(house), 1)
  })

  it('may not take over a device by a name that only a verdict gave', async () => {
    const house = await dpsHouse()
    await house.group({ hook: { enabled: true } })
    house.devices.known.set('pump', { deviceId: 'pump', enabled: true, state: 'active', enrolmentId: 'fleet' })
    house.desk.subscribe(({ request }) => house.desk.answer(request.id, { allow: true, deviceId: 'pump' }))
    const { failure } = await stateOf(house, await house.register(cam))
    assert.equal(failure?.code, 'PROV_DENIED')
  })
})

describe('an allow list', () => {
  const listed = async (entries: object[], settings: object = {}) => {
    const house = await dpsHouse()
    await house.allowLists.create('batch-7')
    await house.allowLists.add('batch-7', entries)
    await house.group({ allowList: 'batch-7', ...settings })
    return house
  }

  it('refuses who is not on it', async () => {
    const house = await listed([{ serial: 'cam' }])
    const { failure } = await house.outcome(certifiedDevice('cam2', 'k'))
    assert.deepEqual(failure, { code: 'PROV_DENIED', message: 'the registration was refused' })
    assert.equal((await house.outcome(cam)).status, 'assigned')
    await house.allowLists.delete('batch-7')
    assert.equal((await house.outcome(cam)).status, 'failed')
  })

  it('gives the model and is spent by the device that came', async () => {
    const house = await listed([{ serial: 'CAM', model: 'c9' }])
    await house.outcome(cam)
    assert.equal(house.devices.plans[0]?.model, 'c9')
    assert.equal((await house.allowLists.entries('batch-7')).items[0]?.spentBy, 'cam')
    assert.equal((await house.outcome(cam)).status, 'assigned')
    await house.dps.forget('cam')
    assert.equal((await house.outcome(cam)).status, 'assigning')
    assert.match((await house.dps.pending()).items[0]!.suspicion!, /used before/)
  })

  it('with another thumbprint, key or name than the device brings needs a person', async () => {
    const hash = 'a'.repeat(64)
    for (const entry of [{ thumbprint: hash }, { keyHash: hash }, { cn: 'other' }]) {
      const house = await listed([{ serial: 'cam', ...entry }])
      assert.equal((await house.outcome(cam)).status, 'assigning', JSON.stringify(entry))
    }
    const house = await listed([{ serial: 'cam', thumbprint: hash, keyHash: hash, cn: 'Cam' }])
    assert.equal((await house.outcome({ ...cam, fingerprint: hash, spkiHash: hash })).status, 'assigned')
  })

  it('and an enrolment past their end need a person for new devices only', async () => {
    const house = await listed([{ serial: 'cam' }, { serial: 'old', notAfter: 1_000_000_000_000 }])
    await house.outcome(cam)
    assert.equal((await house.outcome(certifiedDevice('old', 'k2'))).status, 'assigning')
    await house.enrolments.update('fleet', { notAfter: house.clock.now - 1 })
    assert.equal((await house.outcome(cam)).status, 'assigned')
    await house.allowLists.add('batch-7', [{ serial: 'new' }])
    assert.equal((await house.outcome(certifiedDevice('new', 'k3'))).status, 'assigning')
    assert.ok(!house.events.some(({ type }) => type === 'clone-suspected'))
  })
})
