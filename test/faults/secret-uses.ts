import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { inHours, sasToken } from '../sas-token.ts'
import { type Ask, plant, type SecretHouse } from './secret-house.ts'

export const hubPath = '/thingloom/main'
export const random = (bytes = 32): string => randomBytes(bytes).toString('base64')
export const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})
export const signatureIn = (token: string): string => decodeURIComponent(/sig=([^&]+)/.exec(token)![1]!)
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Asks the admin API of the hub; anything but a success fails. */
export type Call = (method: string, path: string, o?: Ask) => Promise<any>

export const callOf =
  (house: SecretHouse): Call =>
  async (method, path, o = {}) => {
    const answer = await house.ask(method, `${hubPath}${path}`, o)
    assert(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`)
    const type = answer.headers.get('content-type') ?? ''
    return /application\/json/.test(type) ? JSON.parse(answer.text) : answer.text
  }

export const keysOf =
  (name: string) =>
  ({ secrets = {} as any, primaryKey = secrets.primaryKey, secondaryKey = secrets.secondaryKey }: any) => ({
    [`${name}: primary key`]: primaryKey,
    [`${name}: secondary key`]: secondaryKey,
  })

export async function useSharedKeys({ vault, device, connect }: SecretHouse, call: Call) {
  const made = await call('POST', '/devices', {
    body: { id: 'sas-1', credentials: { kind: 'sas' } },
    reveals: keysOf('made'),
  })
  const given = { primaryKey: random(), secondaryKey: random(64) }
  plant(vault, keysOf('given')(given))
  const answer = await call('POST', '/devices', {
    body: { id: 'sas-2', credentials: { kind: 'sas', ...given } },
    reveals: keysOf('given'),
  })
  assert.equal(answer.secrets.primaryKey, given.primaryKey)
  for (const [id, host, key] of [
    ['sas-1', 'main.test', made.secrets.primaryKey],
    ['sas-2', 'main.test', given.secondaryKey],
  ] as const) {
    const token = sasToken({ host, deviceId: id, key, expiresS: inHours(2) })
    vault.plant(`${id}: token`, signatureIn(token))
    const username = `${host}/${id}/?api-version=2021-04-12`
    const { client } = await connect({ clientId: id, username, password: token }, { plain: id === 'sas-2' })
    await client.publishAsync(`devices/${id}/messages/events/`, '{"t":1}', { qos: 1 })
    await client.endAsync()
    const sent = await device(`/devices/${id}/messages/events?api-version=2021-04-12`, { headers: { authorization: token } })
    assert.equal(sent.status, 204, sent.text)
  }
  const { cid, primaryKey } = made.secrets
  await call('POST', `/devices/sas-1/credentials/${cid}/regenerate`, {
    body: { slot: 'secondary' },
    reveals: ({ secondaryKey }) => ({ 'made anew: secondary key': secondaryKey }),
  })
  await call('POST', '/devices/sas-1/credentials?replace=true&overlapMs=3600000', {
    body: { kind: 'sas' },
    reveals: keysOf('rotated'),
  })
  const token = sasToken({ host: 'main.test', deviceId: 'sas-1', key: primaryKey, expiresS: inHours(3) })
  vault.plant('sas-1: token, later', signatureIn(token))
  return { id: 'sas-1', primaryKey, secondaryKey: made.secrets.secondaryKey, cid, token }
}

export async function usePasswords({ vault, device, connect, ask }: SecretHouse, call: Call) {
  const password = `correct-horse-${randomBytes(6).toString('hex')}`
  vault.plant('given password', password)
  await call('POST', '/devices', {
    body: { id: 'pw-1', credentials: { kind: 'password', password, username: 'unit one' } },
    reveals: ({ secrets }) => ({ 'given password': secrets.password }),
  })
  const made = await call('POST', '/devices', {
    body: { id: 'pw-2', credentials: { kind: 'password' } },
    reveals: ({ secrets }) => ({ 'made password': secrets.password }),
  })
  for (const [id, username, secret] of [
    ['pw-1', 'unit one', password],
    ['pw-2', 'pw-2', made.secrets.password],
  ] as const) {
    const { client } = await connect({ clientId: id, username, password: secret })
    await client.publishAsync(`dt/${id}/room`, '{"t":2}', { qos: 1 })
    await client.endAsync()
    assert.equal((await device(`/v1/devices/${id}/telemetry`, { headers: basic(username, secret) })).status, 204)
    const headers = basic(username, secret)
    assert.equal((await ask('POST', `${hubPath}/v1/devices/${id}/telemetry`, { body: { t: 3 }, headers })).status, 204)
  }
  return { password, made: made.secrets.password as string }
}

export async function useCertificates({ device, connect }: SecretHouse, call: Call) {
  const made = await call('POST', '/devices', {
    body: { id: 'x509-1', credentials: { kind: 'x509' } },
    reveals: ({ secrets }) => ({ 'x509-1: key': secrets.privateKeyPem }),
  })
  const { certificatePem: cert, privateKeyPem: key, cid } = made.secrets
  const { client } = await connect({ clientId: 'x509-1', cert, key })
  await client.publishAsync('dt/x509-1/room', '{"t":3}', { qos: 1 })
  await client.endAsync()
  assert.equal((await device('/v1/devices/x509-1/telemetry', { identity: { cert, key } })).status, 204)
  await call('POST', '/certificates', {
    body: { keyType: 'ec-p256' },
    reveals: ({ privateKeyPem }) => ({ "nobody's certificate: key": privateKeyPem }),
  })
  return { id: 'x509-1', cert, key, cid }
}

const jwtOf = (key: KeyObject, sub: string): string => {
  const text = `${part({ alg: 'EdDSA' })}.${part({ iss: 'https://idp.test', aud: 'main', sub, exp: inHours(1), jti: random() })}`
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
}

export async function useBearerTokens({ vault, device, connect }: SecretHouse, call: Call) {
  const idp = generateKeyPairSync('ed25519')
  const authorizer = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const publicPem = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ type: 'spki', format: 'pem' }).toString()
  await call('PUT', '/issuers/idp', {
    body: {
      issuer: 'https://idp.test',
      audience: 'main',
      algorithm: 'EdDSA',
      keys: { publicKeyPem: publicPem(idp) },
      authorizer: { name: 'checker', tokenKeyName: 'tok', signingKeyPem: publicPem(authorizer) },
    },
  })
  await call('POST', '/devices', {
    body: { id: 'jwt-1', credentials: { kind: 'jwt', tokenIssuer: 'idp', tokenSubject: 'unit 7' } },
  })
  const jwt = jwtOf(idp.privateKey, 'unit 7')
  const other = jwtOf(idp.privateKey, 'unit 8')
  const signed = sign('sha256', Buffer.from(jwt), authorizer.privateKey).toString('base64')
  plant(vault, { 'bearer token': jwt, 'authorizer: signature': signed })
  vault.plant('bearer token of nobody', other)
  await (await connect({ clientId: 'jwt-1', username: 'x', password: jwt })).client.endAsync()
  const query = `x-amz-customauthorizer-name=checker&tok=${jwt}&x-amz-customauthorizer-signature=${encodeURIComponent(signed)}`
  await (await connect({ clientId: 'jwt-1', username: `unit?${query}` })).client.endAsync()
  assert.equal((await device('/v1/devices/jwt-1/telemetry', { headers: { authorization: `Bearer ${jwt}` } })).status, 204)
  const refused = await device('/v1/devices/jwt-1/telemetry', { headers: { authorization: `Bearer ${other}` } })
  assert.equal(refused.status, 401)
  return { id: 'jwt-1', jwt, signed }
}
