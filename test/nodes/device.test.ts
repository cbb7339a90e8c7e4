import assert from 'node:assert/strict'
import device from '../../nodes/device/device.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'

const config = { type: 'loom-device', action: 'get', credential: 'sas', revokeOld: false }

describe('loom-device', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(unload)
  const open = (more: object = {}) => flow(device, { ...config, ...more }, { hub })

  it('creates a device; its secrets come once, on output 2 alone', async () => {
    const { send, outputs, seen } = await open({ action: 'create' })
    const [made, secrets] = [outputs(1), outputs(1, 1)]
    send({ payload: { id: 'd1', tags: { site: 'a' } }, kept: 1 })
    const [record] = await made
    assert.equal(record!.payload.id, 'd1')
    assert.deepEqual(record!.payload.tags, { site: 'a' })
    assert.equal(record!.kept, 1)
    const [secret] = await secrets
    assert.equal(secret!.payload.primaryKey, 'secret-c1')
    assert.equal(secret!.device, 'd1')
    assert.equal(secret!.kept, undefined)
    assert.doesNotMatch(JSON.stringify(seen(0)), /secret-c1/)
  })

  it('creates none without being told which credential, if that is the choice', async () => {
    const { send, outputs, seen } = await open({ action: 'create', credential: 'none' })
    const made = outputs(1)
    send({ payload: 'd1' })
    assert.deepEqual((await made)[0]!.payload.credentials, [])
    assert.equal(seen(1).length, 0)
  })

  it('looks up, changes, disables, enables and deletes the device of the message', async () => {
    await hub.devices.register({ id: 'd1' })
    const { send, outputs } = await open()
    const five = outputs(5)
    send({ device: 'd1' })
    send({ device: 'd1', action: 'update', payload: { tags: { a: 1 } } })
    send({ device: 'd1', action: 'disable', payload: { reason: 'lost' } })
    send({ device: 'd1', action: 'enable' })
    send({ device: 'd1', action: 'delete' })
    const [got, changed, off, on, gone] = (await five).map(({ payload }) => payload)
    assert.equal(got.id, 'd1')
    assert.deepEqual(changed.tags, { a: 1 })
    assert.deepEqual([off.enabled, off.reason], [false, 'lost'])
    assert.equal(on.enabled, true)
    assert.deepEqual(gone, { id: 'd1', deleted: true })
  })

  it('lists by query, page by page', async () => {
    for (const id of ['a1', 'a2', 'b1']) await hub.devices.register({ id })
    const { send, outputs } = await open({ action: 'list' })
    const two = outputs(2)
    send({ query: 'a' })
    send({ query: { limit: 2 } })
    const [byPrefix, page] = await two
    assert.deepEqual(
      byPrefix!.payload.map(({ id }: { id: string }) => id),
      ['a1', 'a2'],
    )
    assert.equal(page!.next, 'a2')
  })

  it('does an array item by item and reports each on output 3', async () => {
    await hub.devices.register({ id: 'd2' })
    const { send, outputs } = await open({ action: 'create' })
    const [made, secrets, rows] = [outputs(1), outputs(1, 1), outputs(1, 2)]
    send({ payload: ['d1', { id: 'd2' }, { id: 'd3', credentials: { kind: 'password' } }] })
    const [done] = await made
    assert.deepEqual(
      done!.payload.map(({ id }: { id: string }) => id),
      ['d1', 'd3'],
    )
    const results = (await rows)[0]!.payload
    assert.deepEqual(
      results.map(({ id, ok, error }: any) => [id, ok, error?.code]),
      [
        ['d1', true, undefined],
        ['d2', false, 'IDENTITY_EXISTS'],
        ['d3', true, undefined],
      ],
    )
    assert.deepEqual(done!.results, results)
    assert.deepEqual(
      (await secrets)[0]!.payload.map((secret: any) => [secret.device, secret.kind]),
      [
        ['d1', 'sas'],
        ['d3', 'password'],
      ],
    )
  })

  it('takes a device into quarantine, releases and retires it', async () => {
    await hub.devices.register({ id: 'd1' })
    const told: object[] = []
    const { quarantine } = hub.devices
    hub.devices.quarantine = async o => {
      told.push(o)
      return quarantine(o)
    }
    const { send, outputs } = await open({ action: 'quarantine' })
    const three = outputs(3)
    send({ device: 'd1', payload: { reason: 'odd traffic', etag: '1' } })
    send({ device: 'd1', action: 'release' })
    send({ device: 'd1', action: 'retire' })
    assert.deepEqual(
      (await three).map(({ payload }) => payload.state),
      ['quarantined', 'active', 'retired'],
    )
    assert.deepEqual(told, [{ id: 'd1', by: 'node n', reason: 'odd traffic', etag: '1' }])
  })

  it('retires with the telemetry or without, as the setting says or the message', async () => {
    for (const id of ['d1', 'd2', 'd3']) await hub.devices.register({ id })
    const { send, outputs } = await open({ action: 'retire', telemetry: 'erase' })
    const done = outputs(2)
    send({ device: 'd1' })
    send({ payload: { id: 'd2', telemetry: 'keep' } })
    assert.deepEqual(
      (await done).map(({ payload }) => [payload.id, payload.decommission.telemetry, payload.decommission.done]),
      [
        ['d1', 'erase', true],
        ['d2', 'keep', true],
      ],
    )
    const results = outputs(1, 2)
    send({ payload: [{ id: 'd3', telemetry: 'burn' }] })
    assert.equal((await results)[0]!.payload[0].error.code, 'REQUEST_INVALID')
    assert.equal((await hub.devices.get({ id: 'd3' })).state, 'active')
  })

  it('renews the credential in use with the overlap of the setting, or of the message', async () => {
    await hub.devices.register({ id: 'd1', credentials: { kind: 'x509' } })
    const { send, outputs } = await open({ action: 'rotate', credential: 'none', overlapDays: '2' })
    const [done, secrets] = [outputs(2), outputs(2, 1)]
    send({ device: 'd1' })
    send({ device: 'd1', payload: { overlapMs: 5, credential: { kind: 'sas' } } })
    assert.deepEqual(
      (await done)[1]!.payload.credentials.map(({ kind, status }: any) => [kind, status]),
      [
        ['x509', 'active'],
        ['x509', 'active'],
        ['sas', 'active'],
      ],
    )
    assert.equal((await secrets)[1]!.payload.primaryKey, 'secret-c3')
    assert.deepEqual(hub.asked, [
      ['rotate', { id: 'd1', credential: { kind: 'x509' }, by: 'node n', overlapMs: 2 * 86_400_000 }],
      ['rotate', { id: 'd1', credential: { kind: 'sas' }, by: 'node n', overlapMs: 5 }],
    ])
  })

  it('leaves the overlap to the hub where none is set, and says so if it is none', async () => {
    await hub.devices.register({ id: 'd1', credentials: { kind: 'sas' } })
    const { send, outputs, error } = await open({ action: 'rotate' })
    const done = outputs(1)
    send({ device: 'd1' })
    await done
    assert.equal('overlapMs' in hub.asked[0]![1], false)
    const failed = error()
    send({ device: 'd1', payload: { overlapMs: -1 } })
    assert.equal((await failed).code, 'REQUEST_INVALID')
    await unload()
    const wrong = await open({ action: 'rotate', overlapDays: 'soon' })
    wrong.send({ device: 'd1' })
    assert.equal((await wrong.error()).code, 'NODE_CONFIG')
  })

  it('makes one key anew: of the slot asked for, of the credential named or the only one', async () => {
    await hub.devices.register({ id: 'd1', credentials: { kind: 'sas' } })
    const asked: object[] = []
    hub.identity.regenerateKey = async o => {
      asked.push(o)
      return { cid: o.cid, kind: 'sas', [`${o.slot}Key`]: 'fresh', caPem: 'CA' }
    }
    const { send, outputs, error } = await open({ action: 'regenerate', slot: 'secondary' })
    const [done, secrets] = [outputs(2), outputs(2, 1)]
    send({ device: 'd1' })
    send({ device: 'd1', payload: { cid: 'c1', slot: 'primary' } })
    assert.deepEqual((await secrets)[0]!.payload, { cid: 'c1', kind: 'sas', secondaryKey: 'fresh', caPem: 'CA' })
    assert.doesNotMatch(JSON.stringify(await done), /fresh/)
    assert.deepEqual(asked, [
      { id: 'd1', cid: 'c1', slot: 'secondary', by: 'node n' },
      { id: 'd1', cid: 'c1', slot: 'primary', by: 'node n' },
    ])
    await hub.identity.addCredential({ id: 'd1', credential: { kind: 'sas' } })
    await hub.identity.revokeCredential({ id: 'd1', cid: 'c1' })
    const again = outputs(1)
    send({ device: 'd1' })
    await again
    assert.equal((asked[2] as any).cid, 'c2')
    await hub.identity.addCredential({ id: 'd1', credential: { kind: 'sas' } })
    for (const [payload, code] of [
      [{}, 'CRED_NOT_FOUND'],
      [{ cid: 'c1', slot: 'third' }, 'REQUEST_INVALID'],
    ] as const) {
      const failed = error()
      send({ device: 'd1', payload })
      assert.equal((await failed).code, code)
    }
  })

  it('revokes with a reason that lists know', async () => {
    await hub.devices.register({ id: 'd1', credentials: { kind: 'x509' } })
    const asked: object[] = []
    hub.identity.revokeCredential = async o => void asked.push(o)
    const { send, outputs, error } = await open({ action: 'revoke', revokeReason: 'keyCompromise' })
    const two = outputs(2)
    send({ device: 'd1', payload: { cid: 'c1' } })
    send({ device: 'd1', payload: { cid: 'c1', reason: 'superseded' } })
    await two
    assert.deepEqual(
      asked.map((one: any) => one.reason),
      ['keyCompromise', 'superseded'],
    )
    const failed = error()
    send({ device: 'd1', payload: { cid: 'c1', reason: 'toString' } })
    assert.equal((await failed).code, 'REQUEST_INVALID')
  })

  it('renews a credential and revokes the old ones of its kind if asked to', async () => {
    await hub.devices.register({ id: 'd1', credentials: { kind: 'sas' } })
    await hub.identity.addCredential({ id: 'd1', credential: { kind: 'x509' } })
    const { send, outputs } = await open({ action: 'rotate', credential: 'sas', revokeOld: true })
    const [done, secrets] = [outputs(1), outputs(1, 1)]
    send({ device: 'd1' })
    assert.deepEqual(
      (await done)[0]!.payload.credentials.map(({ cid, status }: any) => [cid, status]),
      [
        ['c1', 'revoked'],
        ['c2', 'active'],
        ['c3', 'active'],
      ],
    )
    assert.equal((await secrets)[0]!.payload.cid, 'c3')
  })

  it('adds and revokes single credentials', async () => {
    await hub.devices.register({ id: 'd1' })
    const { send, outputs } = await open({ action: 'credential', credential: 'none' })
    const two = outputs(2)
    send({ device: 'd1', payload: { credential: { kind: 'sas' } } })
    send({ device: 'd1', action: 'revoke', payload: { cid: 'c1' } })
    const [, revoked] = await two
    assert.equal(revoked!.payload.credentials[0].status, 'revoked')
  })

  it('hands the errors of a single device to a Catch node', async () => {
    const { send, error } = await open()
    for (const [msg, code] of [
      [{}, 'READING_DEVICE'],
      [{ device: 'no' }, 'IDENTITY_NOT_FOUND'],
      [{ device: 'd1', action: 'explode' }, 'NODE_CONFIG'],
      [{ device: 'd1', action: 'toString' }, 'NODE_CONFIG'],
      [{ device: 'd1', action: 'revoke' }, 'CRED_NOT_FOUND'],
    ] as const) {
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code)
    }
  })
})
