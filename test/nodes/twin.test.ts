import assert from 'node:assert/strict'
import twin from '../../nodes/twin/twin.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { realHub, type RealHub } from '../nodered/real-hub.ts'

const config = { type: 'loom-twin', action: 'get', device: 'device', deviceType: 'msg', shadow: '', check: true }

describe('loom-twin', function () {
  this.timeout(30_000)
  let real: RealHub
  let hub: FakeHub
  beforeEach(async () => {
    real = await realHub()
    hub = Object.assign(fakeHub(), { twins: real.hub.twins }) as FakeHub
    for (const id of ['d1', 'd2']) await real.hub.devices.register({ id, desired: { setpoint: 20 } })
  })
  afterEach(async () => {
    await unload()
    await real.close()
  })
  const twins = (): Hub['twins'] => real.hub.twins
  const open = (more: object = {}) => flow(twin, { ...config, ...more }, { hub })

  it('reads the twin of the device of the message; what came with it goes on', async () => {
    await twins().report({ id: 'd1', reported: { on: true } })
    const { send, outputs } = await open()
    const one = outputs(1)
    send({ device: 'd1', kept: 1 })
    const [msg] = await one
    const { payload, twin: note } = msg!
    assert.deepEqual([payload.desired, payload.reported, payload.delta], [{ setpoint: 20 }, { on: true }, { setpoint: 20 }])
    assert.deepEqual(note, {
      device: 'd1',
      name: '',
      version: payload.version,
      desiredVersion: payload.desiredVersion,
      reportedVersion: payload.reportedVersion,
      etag: payload.etag,
      delta: { setpoint: 20 },
    })
    assert.deepEqual([msg!.device, msg!.kept], ['d1', 1])
  })

  it('merges desired properties, and sections with tags', async () => {
    const { send, outputs } = await open({ action: 'patch' })
    const three = outputs(3)
    send({ device: 'd1', payload: { fan: { level: 1 } } })
    send({ device: 'd1', payload: { desired: { fan: { level: 2 }, setpoint: null }, tags: { site: 'a' } } })
    send({ device: 'd1', payload: { desired: null } })
    const [first, second, third] = (await three).map(({ payload }) => payload)
    assert.deepEqual(first.desired, { setpoint: 20, fan: { level: 1 } })
    assert.deepEqual([second.desired, second.tags], [{ fan: { level: 2 } }, { site: 'a' }])
    assert.deepEqual([third.desired, third.tags], [{}, { site: 'a' }])
  })

  it('replaces by a twin as it was read and edited', async () => {
    const { send, outputs } = await open({ action: 'replace' })
    const read = outputs(1)
    send({ device: 'd1', action: 'get' })
    const [{ payload, twin: note }] = (await read) as [Record<string, any>]
    const replaced = outputs(1)
    send({ device: 'd1', twin: note, payload: { ...payload, desired: { other: 1 } } })
    assert.deepEqual((await replaced)[0]!.payload.desired, { other: 1 })
  })

  it('writes and deletes a named twin, of the message or of the node', async () => {
    const { send, outputs } = await open({ action: 'patch', shadow: 'climate' })
    const three = outputs(3)
    send({ device: 'd1', payload: { a: 1 } })
    send({ device: 'd1', shadow: 'light', payload: { b: 1 } })
    send({ device: 'd1', action: 'delete' })
    const [own, other, gone] = (await three).map(({ payload }) => payload)
    assert.deepEqual([own.name, own.desired], ['climate', { a: 1 }])
    assert.deepEqual([other.name, other.desired], ['light', { b: 1 }])
    assert.deepEqual(gone, { device: 'd1', name: 'climate', deleted: true })
    assert.deepEqual((await twins().get({ id: 'd1' })).desired, { setpoint: 20 })
  })

  it('leaves a twin alone that was changed since it was read, unless told not to look', async () => {
    const { send, outputs, error } = await open({ action: 'patch' })
    const read = outputs(1)
    send({ device: 'd1', action: 'get' })
    const [{ twin: note }] = (await read) as [Record<string, any>]
    await twins().report({ id: 'd1', reported: { setpoint: 20 } })
    const failed = error()
    send({ device: 'd1', twin: note, payload: { setpoint: 25 } })
    assert.equal((await failed).code, 'TWIN_VERSION_CONFLICT')
    const byVersion = error()
    send({ device: 'd1', twin: { version: note.version }, payload: { setpoint: 25 } })
    assert.equal((await byVersion).code, 'TWIN_VERSION_CONFLICT')
    assert.deepEqual((await twins().get({ id: 'd1' })).desired, { setpoint: 20 })
    await unload()
    const careless = await open({ action: 'patch', check: false })
    const done = careless.outputs(1)
    careless.send({ device: 'd1', twin: note, payload: { setpoint: 25 } })
    assert.deepEqual((await done)[0]!.payload.desired, { setpoint: 25 })
  })

  it('takes neither an event nor the version of another twin for its own', async () => {
    const { send, outputs } = await open({ action: 'patch' })
    const three = outputs(3)
    send({ device: 'd1', twin: { section: 'reported', version: 77 }, payload: { a: 1 } })
    send({ device: 'd1', twin: { device: 'd2', etag: '9.9' }, payload: { a: 2 } })
    send({ device: 'd1', twin: { name: 'climate', version: 77 }, payload: { a: 3 } })
    assert.equal((await three)[2]!.payload.desired.a, 3)
  })

  it('does an array device by device and says what became of each', async () => {
    const { send, outputs } = await open({ action: 'patch' })
    const one = outputs(1)
    send({ device: ['d1', 'gone', 'd2'], payload: { setpoint: 19 } })
    const [{ payload, results, twin: note }] = (await one) as [Record<string, any>]
    assert.deepEqual(
      payload.map((view: any) => [view.device, view.desired.setpoint]),
      [
        ['d1', 19],
        ['d2', 19],
      ],
    )
    assert.deepEqual(
      results.map(({ id, ok, error }: any) => [id, ok, error?.code]),
      [
        ['d1', true, undefined],
        ['gone', false, 'IDENTITY_NOT_FOUND'],
        ['d2', true, undefined],
      ],
    )
    assert.equal(note, undefined)
  })

  it('takes the device from where the node says', async () => {
    const { send, outputs } = await open({ device: 'd1, d2', deviceType: 'str' })
    const one = outputs(1)
    send({})
    assert.equal((await one)[0]!.payload.length, 2)
  })

  for (const [what, msg, code] of [
    ['no device', {}, 'READING_DEVICE'],
    ['another action', { device: 'd1', action: 'toString' }, 'NODE_CONFIG'],
    ['a name that no twin can have', { device: 'd1', shadow: 'a/b' }, 'NODE_CONFIG'],
    ['a version that is none', { device: 'd1', action: 'patch', payload: {}, twin: { version: '3' } }, 'NODE_CONFIG'],
    ['a payload that is no object', { device: 'd1', action: 'patch', payload: 21 }, 'TWIN_INVALID'],
    [
      'reported properties beside desired',
      { device: 'd1', action: 'patch', payload: { desired: {}, reported: { a: 1 } } },
      'TWIN_INVALID',
    ],
    ['reported properties beside tags', { device: 'd1', action: 'replace', payload: { tags: {}, reported: {} } }, 'TWIN_INVALID'],
    ['reported properties', { device: 'd1', action: 'patch', payload: { reported: { a: 1 } } }, 'TWIN_INVALID'],
    ['a section that is no object', { device: 'd1', action: 'patch', payload: { tags: 'red' } }, 'TWIN_INVALID'],
    ['desired beside its own members', { device: 'd1', action: 'patch', payload: { desired: {}, fan: 1 } }, 'TWIN_INVALID'],
    ['null to replace by', { device: 'd1', action: 'replace', payload: { desired: null } }, 'TWIN_INVALID'],
    ['a device that is not there', { device: 'nobody' }, 'IDENTITY_NOT_FOUND'],
    ['a named twin that is not there', { device: 'd1', shadow: 'none' }, 'TWIN_NOT_FOUND'],
  ] as const)
    it(`refuses ${what} as ${code}`, async () => {
      const { send, error } = await open()
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code)
    })
})
