import assert from 'node:assert/strict'
import type { Admitted, ConnectAttempt, Refused } from '../../src/identity/authenticate.ts'
import type { Identity } from '../../src/identity/identity.ts'
import { identitiesColl } from '../../src/identity/registry.ts'
import { signSas } from '../../src/identity/sas.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { authorityOf, days, start } from '../pki/make.ts'
import { attemptOf, azureAttempt, host, houseOf, peerOf } from './make.ts'

type House = Awaited<ReturnType<typeof houseOf>>

async function admittedBy(house: House, attempt: ConnectAttempt): Promise<Admitted> {
  const answer = await house.authenticate(attempt)
  assert.ok(answer.ok, JSON.stringify(answer))
  return answer
}

async function refusedBy(house: House, attempt: ConnectAttempt, code: string, connack = 5): Promise<Refused> {
  const answer = await house.authenticate(attempt)
  assert.ok(!answer.ok, `let in: ${JSON.stringify(answer)}`)
  assert.deepEqual([answer.code, answer.connack], [code, connack], answer.reason)
  return answer
}

const tokenFor = (deviceId: string, key: string, o: { path?: string; expiresAt?: number } = {}) =>
  signSas({ key, resource: `${host}/devices/${deviceId}${o.path ?? ''}`, expiresAt: o.expiresAt ?? start + 3_600_000 })

describe('authentication with SAS tokens', () => {
  let house: House
  let key: string
  let cid: string
  beforeEach(async () => {
    house = await houseOf()
    const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'sas' } })
    key = secrets!.primaryKey!
    cid = secrets!.cid
  })

  it('lets a device in until its token ends', async () => {
    const { basis, ...answer } = await admittedBy(house, azureAttempt('pump', tokenFor('pump', key)))
    assert.match(basis!, /^[0-9a-f]{8}$/)
    assert.deepEqual(answer, { ok: true, deviceId: 'pump', cid, kind: 'sas', expiresAt: start + 3_600_000 + 300_000 })
    assert.equal((await house.registry.get('pump'))!.credentials[0]!.lastUsedAt, start)
  })

  it('lets the secondary key and modules in', async () => {
    const { secondaryKey } = await house.registry.addCredential('pump', { kind: 'sas' })
    await admittedBy(house, azureAttempt('pump', tokenFor('pump', secondaryKey!)))
    const module = azureAttempt('pump', tokenFor('pump', key, { path: '/modules/m1' }), { module: 'm1', clientId: 'pump/m1' })
    assert.equal((await admittedBy(house, module)).module, 'm1')
    await refusedBy(house, { ...module, clientId: 'pump' }, 'CLIENT_ID_REFUSED')
    await refusedBy(house, { ...module, password: Buffer.from(tokenFor('pump', key)) }, 'CRED_INVALID')
  })

  it('refuses a token after its end', async () => {
    const attempt = azureAttempt('pump', tokenFor('pump', key))
    house.clock.now = start + 3_600_000 + 299_999
    await admittedBy(house, attempt)
    house.clock.now++
    await refusedBy(house, attempt, 'CRED_EXPIRED')
  })

  it("refuses another key, another device's token, and a changed resource", async () => {
    const { secrets } = await house.registry.register({ id: 'valve', credential: { kind: 'sas' } })
    await refusedBy(house, azureAttempt('pump', tokenFor('pump', secrets!.primaryKey!)), 'CRED_INVALID')
    await refusedBy(house, azureAttempt('pump', tokenFor('valve', secrets!.primaryKey!)), 'CRED_INVALID')
    await refusedBy(house, azureAttempt('pump', tokenFor('valve', key)), 'CRED_INVALID')
    await refusedBy(house, azureAttempt('valve', tokenFor('valve', key)), 'CRED_INVALID')
    await refusedBy(house, azureAttempt('pump', tokenFor('valve', key).replace('valve', 'pump')), 'CRED_INVALID')
  })

  it('refuses an unknown device, a missing token, and another client id', async () => {
    await refusedBy(house, azureAttempt('ghost', tokenFor('ghost', key)), 'IDENTITY_NOT_FOUND')
    await refusedBy(house, azureAttempt('Pump', tokenFor('Pump', key)), 'IDENTITY_NOT_FOUND')
    await refusedBy(house, azureAttempt('pump', ''), 'CRED_MISSING')
    await refusedBy(house, azureAttempt('pump', tokenFor('pump', key), { clientId: 'pump-2' }), 'CLIENT_ID_REFUSED')
    await refusedBy(house, azureAttempt('pump', tokenFor('pump', key), { clientId: 'PUMP' }), 'CLIENT_ID_REFUSED')
  })

  it('the token is for the host in the user name, which may have a port', async () => {
    const token = signSas({ key, resource: 'other.example:8883/devices/pump', expiresAt: start + 1000 })
    await admittedBy(house, azureAttempt('pump', token, { host: 'other.example:8883' }))
    await refusedBy(house, azureAttempt('pump', token), 'CRED_INVALID')
    const strict = await houseOf({ hubNames: ['Hub.example.net'] })
    const { secrets } = await strict.registry.register({ id: 'pump', credential: { kind: 'sas' } })
    const own = signSas({ key: secrets!.primaryKey!, resource: `${host}:8883/devices/pump`, expiresAt: start + 1000 })
    await admittedBy(strict, azureAttempt('pump', own, { host: `${host}:8883` }))
    await refusedBy(strict, azureAttempt('pump', token, { host: 'other.example:8883' }), 'CRED_INVALID')
  })

  it('a revoked key, a disabled and a deleted device stay outside', async () => {
    const attempt = azureAttempt('pump', tokenFor('pump', key))
    await admittedBy(house, attempt)
    await house.registry.setEnabled('pump', { enabled: false })
    await refusedBy(house, attempt, 'IDENTITY_DISABLED')
    await house.registry.setEnabled('pump', { enabled: true })
    await house.registry.revokeCredential('pump', cid)
    await refusedBy(house, attempt, 'CRED_INVALID')
    await house.registry.delete('pump')
    await refusedBy(house, attempt, 'IDENTITY_NOT_FOUND')
    await house.registry.register({ id: 'pump', credential: { kind: 'sas' } })
    await refusedBy(house, attempt, 'CRED_INVALID')
  })
})

describe('authentication with certificates', () => {
  let house: House
  let pem: string
  let cid: string
  const thing = (certificate: ConnectAttempt['certificate'], o: Partial<ConnectAttempt> = {}) =>
    attemptOf({ deviceId: o.clientId ?? 'pump', certificate: certificate!, ...o })
  beforeEach(async () => {
    house = await houseOf()
    const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'x509' } })
    pem = secrets!.certificatePem!
    cid = secrets!.cid
    await house.registry.register({ id: 'valve', credential: { kind: 'sas' } })
  })

  it('the certificate is the identity, until its end', async () => {
    const certificate = peerOf(pem)
    const answer = await admittedBy(house, thing(certificate))
    assert.deepEqual(answer, { ok: true, deviceId: 'pump', cid, kind: 'x509', expiresAt: certificate.notAfter })
    house.clock.now = certificate.notAfter
    await admittedBy(house, thing(certificate))
    house.clock.now++
    await refusedBy(house, thing(certificate), 'CRED_EXPIRED')
    house.clock.now = certificate.notBefore - 1
    await refusedBy(house, thing(certificate), 'CRED_NOT_YET_VALID')
  })

  it('a certificate of another CA does not help, whatever name it carries', async () => {
    const elsewhere = await authorityOf({ hubId: 'house' })
    const forged = peerOf((await elsewhere.authority.issueDevice({ id: 'pump' })).certificatePem)
    assert.equal(forged.subjectCn, 'pump')
    await refusedBy(house, thing(forged), 'CRED_UNKNOWN')
    await refusedBy(house, azureAttempt('pump', '', { certificate: forged }), 'CRED_UNKNOWN')
  })

  it('nor does one of our own CA that is not registered', async () => {
    const stray = peerOf((await house.authority.issueDevice({ id: 'pump' })).certificatePem)
    await refusedBy(house, thing(stray), 'CRED_UNKNOWN')
  })

  it('one that is registered elsewhere in its own right needs no chain', async () => {
    const elsewhere = await authorityOf({ hubId: 'factory' })
    const { certificatePem } = await elsewhere.authority.issueDevice({ id: 'serial-17' })
    await house.registry.addCredential('valve', { kind: 'x509', certificatePem })
    const answer = await admittedBy(house, thing(peerOf(certificatePem), { clientId: 'valve' }))
    assert.equal(answer.deviceId, 'valve')
  })

  it('for Azure the certificate must be that of the device in the user name', async () => {
    const certificate = peerOf(pem)
    assert.equal((await admittedBy(house, azureAttempt('pump', '', { certificate }))).kind, 'x509')
    await refusedBy(house, azureAttempt('valve', '', { certificate }), 'CRED_INVALID')
  })

  it('a cloned certificate gives its own identity only, never the id that is claimed', async () => {
    const certificate = peerOf(pem)
    await refusedBy(house, thing(certificate, { clientId: 'valve', username: 'valve' }), 'CLIENT_ID_REFUSED')
    const derived = await admittedBy(house, thing(certificate, { clientId: 'pump-2', username: 'valve' }))
    assert.equal(derived.deviceId, 'pump')
  })

  it('client ids: its own, derived from it, or anything if the certificate is named after it', async () => {
    const certificate = peerOf(pem)
    const other = { ...certificate, subjectCn: 'serial-17' }
    for (const clientId of ['pump', 'pump-1', 'pump_1', 'pump:1', 'pump.1', 'pump/1'])
      for (const shown of [certificate, other]) await admittedBy(house, thing(shown, { clientId }))
    for (const clientId of ['anything', 'pump2', '#', '+']) {
      await admittedBy(house, thing(certificate, { clientId }))
      await refusedBy(house, thing(other, { clientId }), 'CLIENT_ID_REFUSED')
    }
  })

  it("never another device's client id, nor its session", async () => {
    await house.registry.register({ id: 'pump-9' })
    await refusedBy(house, thing(peerOf(pem), { clientId: 'pump-9' }), 'CLIENT_ID_REFUSED')
    const held = await houseOf({ store: house.store, sessionOwner: clientId => (clientId === 'shared' ? 'valve' : undefined) })
    await refusedBy(held, thing(peerOf(pem), { clientId: 'shared' }), 'CLIENT_ID_REFUSED')
    await admittedBy(held, thing(peerOf(pem), { clientId: 'free' }))
  })

  it('a revoked one is refused as such', async () => {
    await house.registry.revokeCredential('pump', cid)
    await refusedBy(house, thing(peerOf(pem)), 'CRED_REVOKED')
  })

  it('a device in quarantine comes in and is marked', async () => {
    await house.registry.setState('pump', { state: 'quarantined', reason: 'odd traffic' })
    assert.equal((await admittedBy(house, thing(peerOf(pem)))).quarantined, true)
    await house.registry.setState('pump', { state: 'active' })
    assert.equal((await admittedBy(house, thing(peerOf(pem)))).quarantined, undefined)
  })

  it('devices that are retired or pending stay outside', async () => {
    for (const [state, code] of [
      ['retired', 'IDENTITY_RETIRED'],
      ['pending', 'IDENTITY_DISABLED'],
    ] as const) {
      const stored = (await house.store.get<Identity>(identitiesColl, 'pump'))!
      await house.store.put(identitiesColl, 'pump', { ...stored.doc, state })
      const reopened = await houseOf({ store: house.store })
      await refusedBy(reopened, thing(peerOf(pem)), code)
    }
  })
})

describe('authentication with passwords and without anything', () => {
  let house: House
  let password: Buffer
  beforeEach(async () => {
    house = await houseOf()
    const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'password' } })
    password = Buffer.from(secrets!.password!)
  })
  const login = (username: string, secret: Uint8Array, o: Partial<ConnectAttempt> = {}) =>
    attemptOf({ deviceId: 'pump', username, password: secret, ...o })

  it('the user name is the device id or an alias', async () => {
    const answer = await admittedBy(house, login('pump', password))
    assert.deepEqual([answer.deviceId, answer.kind, answer.expiresAt], ['pump', 'password', undefined])
    const alias = await house.registry.addCredential('pump', { kind: 'password', username: 'boiler', password: 'correct horse' })
    const second = await admittedBy(house, login('boiler', Buffer.from('correct horse')))
    assert.equal(second.cid, alias.cid)
    await refusedBy(house, login('boiler', password), 'CRED_INVALID')
    await refusedBy(house, login('pump', Buffer.from('correct horse')), 'CRED_INVALID')
  })

  it('wrong passwords, user names and client ids are refused', async () => {
    await refusedBy(house, login('pump', Buffer.from('wrong')), 'CRED_INVALID')
    await refusedBy(house, login('ghost', password), 'IDENTITY_NOT_FOUND')
    await refusedBy(house, login('', password), 'IDENTITY_NOT_FOUND')
    await refusedBy(house, login('PUMP', password), 'IDENTITY_NOT_FOUND')
    await refusedBy(house, login('pump', password, { clientId: 'mosq-123' }), 'CLIENT_ID_REFUSED')
    await admittedBy(house, login('pump', password, { clientId: 'pump-123' }))
  })

  it('an empty client id needs a clean session', async () => {
    await admittedBy(house, login('pump', password, { clientId: '', clean: true }))
    await refusedBy(house, login('pump', password, { clientId: '' }), 'CLIENT_ID_REFUSED', 2)
    await refusedBy(house, login('pump', password, { clientId: `pump-${'x'.repeat(252)}`, clean: true }), 'CLIENT_ID_REFUSED', 2)
  })

  it('a remembered password is forgotten with its credential', async () => {
    await admittedBy(house, login('pump', password))
    const { cid } = (await house.registry.get('pump'))!.credentials[0]!
    await house.registry.revokeCredential('pump', cid)
    await refusedBy(house, login('pump', password), 'CRED_INVALID')
  })

  it('an unknown certificate does not hide a right password', async () => {
    const stray = peerOf((await house.authority.issueDevice({ id: 'pump' })).certificatePem)
    assert.equal((await admittedBy(house, login('pump', password, { certificate: stray }))).kind, 'password')
  })

  it('without credential only where that is allowed, for a registered device that has none', async () => {
    await house.registry.register({ id: 'lamp' })
    const bare = attemptOf({ deviceId: 'lamp', loopbackPlaintext: true, allowAnonymous: true })
    assert.deepEqual(await admittedBy(house, bare), { ok: true, deviceId: 'lamp', cid: '', kind: 'anonymous' })
    await refusedBy(house, { ...bare, loopbackPlaintext: false }, 'CRED_MISSING')
    await refusedBy(house, { ...bare, allowAnonymous: false }, 'CRED_MISSING')
    await refusedBy(house, { ...bare, clientId: 'ghost' }, 'IDENTITY_NOT_FOUND')
    await refusedBy(house, { ...bare, clientId: 'pump' }, 'CRED_MISSING')
    await refusedBy(house, { ...bare, family: 'iothub' }, 'CRED_MISSING')
    await house.registry.setEnabled('lamp', { enabled: false })
    await refusedBy(house, bare, 'IDENTITY_DISABLED')
  })

  it('provisioning says that it is not offered', async () => {
    const answer = await refusedBy(
      house,
      login('x/registrations/r/api-version=1', password, { family: 'dps' }),
      'COMMAND_UNSUPPORTED',
    )
    assert.match(answer.reason, /provisioning is not offered/)
  })

  it('beyond ten refusals a minute, answers to that name from that address wait', async () => {
    const wrong = login('pump', Buffer.from('wrong'), { clientId: 'x' })
    const ghost = { ...wrong, username: 'ghost' }
    const delays: (number | undefined)[] = []
    for (let at = 0; at < 12; at++) delays.push((await refusedBy(house, ghost, 'IDENTITY_NOT_FOUND')).delayMs)
    assert.deepEqual(delays, [...Array(10).fill(undefined), 2000, 2000])
    assert.equal((await refusedBy(house, { ...ghost, remoteAddress: '192.0.2.8' }, 'IDENTITY_NOT_FOUND')).delayMs, undefined)
    assert.equal((await refusedBy(house, wrong, 'CRED_INVALID')).delayMs, undefined)
    house.clock.now += 60_000
    assert.equal((await refusedBy(house, ghost, 'IDENTITY_NOT_FOUND')).delayMs, undefined)
  })

  it('guessing does not lock the device out', async () => {
    for (let at = 0; at < 15; at++) await house.authenticate(login('pump', Buffer.from(`guess ${at}`)))
    await admittedBy(house, login('pump', password))
  })

  it('a store that fails makes devices try again, not give up', async () => {
    const store = await openMemoryStateStore({ now: () => start })
    const down = await houseOf({ store })
    await store.close()
    await refusedBy(down, login('pump', password), 'STORE_CLOSED', 3)
  })

  it('time does not run out on password sessions', async () => {
    house.clock.now += days(4000)
    await admittedBy(house, login('pump', password))
  })
})
