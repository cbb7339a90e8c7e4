import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { createIntermediate, createRoot } from '../../src/pki/pki.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey, pkcs8Pem } from '../../src/pki/keys.ts'
import { linesOf } from '../hub-flows.ts'
import { until } from '../processes.ts'
import { type Ask, filesIn, plant, type SecretHouse } from './secret-house.ts'
import { type Call, hubPath, keysOf, random, signatureIn } from './secret-uses.ts'

/** A token of the registration of a device, as the DPS clients of the Azure SDKs make it. */
export const registrationToken = (key: string, id: string): string =>
  `${signSas({ key, resource: `0ne1/registrations/${id}`, expiresAt: Date.now() + 3_600_000 })}&skn=registration`

export async function useEnrolments({ vault, device, connect, ask }: SecretHouse, call: Call) {
  const { secrets } = await call('POST', '/enrolments', {
    body: { id: 'plant', kind: 'group', attestation: { kind: 'sas' } },
    reveals: keysOf('group'),
  })
  const own = { primaryKey: random(), secondaryKey: random() }
  await call('POST', '/enrolments', {
    body: { id: 'one', kind: 'individual', registrationId: 'lone-1', attestation: { kind: 'sas', ...own } },
    reveals: keysOf('individual'),
  })
  const derived = deriveKey(secrets.primaryKey, 'fan-1')
  const registers = registrationToken(derived, 'fan-1')
  plant(vault, { 'derived key': derived, 'dps token': signatureIn(registers) })
  const username = '0ne1/registrations/fan-1/api-version=2019-03-31'
  const dps = await connect({ clientId: 'fan-1', username, password: registers })
  await dps.client.subscribeAsync('$dps/registrations/res/#', { qos: 1 })
  let answer = await dps.asks('$dps/registrations/PUT/iotdps-register/?$rid=1', { registrationId: 'fan-1' })
  for (let rid = 2; answer.status === 'assigning' && rid < 200; rid++)
    answer = await dps.asks(
      `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=${rid}&operationId=${answer.operationId}`,
      {},
    )
  assert.equal(answer.status, 'assigned', JSON.stringify(answer))
  await dps.client.endAsync()
  const token = signSas({ key: derived, resource: 'main.test/devices/fan-1', expiresAt: Date.now() + 3_600_000 })
  vault.plant('token by a derived key', signatureIn(token))
  const there = await connect({ clientId: 'fan-1', username: 'main.test/fan-1/?api-version=2021-04-12', password: token })
  await there.client.endAsync()

  const lone = registrationToken(own.primaryKey, 'lone-1')
  vault.plant('dps token over https', signatureIn(lone))
  const register = await device('/0ne1/registrations/lone-1/register?api-version=2021-06-01', {
    method: 'PUT',
    headers: { authorization: lone, 'content-type': 'application/json' },
    body: '{"registrationId":"lone-1"}',
  })
  assert.equal(register.status, 202, register.text)
  await until('it is registered', async () => (await ask('GET', `${hubPath}/registrations`)).text.includes('lone-1'), 30_000)
  await call('POST', '/enrolments', {
    body: { id: 'renewed', kind: 'group', attestation: { kind: 'sas' } },
    reveals: keysOf('renewed group'),
  })
  await call('POST', '/enrolments/renewed/keys', {
    body: { slot: 'primary' },
    reveals: made => ({
      'renewed group: new primary key': made.secrets.primaryKey,
      'renewed group: secondary key': made.secrets.secondaryKey,
    }),
  })
  return { id: 'plant', primaryKey: secrets.primaryKey as string, derived, token: registers }
}

const template = {
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'SerialNumber' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
  },
}
const createTopic = '$aws/certificates/create/json'
const signTopic = '$aws/certificates/create-from-csr/json'
const provisionTopic = '$aws/provisioning-templates/pumps/provision/json'

/** The claim's connection, with which a request can be repeated. */
export async function useClaims(house: SecretHouse, call: Call) {
  const { connect } = house
  await call('POST', '/templates', { body: { name: 'pumps', body: template, keyType: 'ec-p256' } })
  const { secrets } = await call('POST', '/claims', {
    body: { id: 'batch-1', templates: ['pumps'], keyType: 'ec-p256' },
    reveals: made => ({ 'claim: key': made.secrets.privateKeyPem }),
  })
  await call('POST', '/claims', {
    body: { trusted: true, template: 'pumps', deviceId: 'pump-9', keyType: 'ec-p256' },
    reveals: made => ({ "trusted user's claim: key": made.secrets.privateKeyPem }),
  })
  const identity = { cert: secrets.certificatePem as string, key: secrets.privateKeyPem as string }
  const { client, asks } = await connect({ clientId: 'factory', ...identity })
  await client.subscribeAsync(
    [createTopic, signTopic, provisionTopic].map(topic => `${topic}/+`),
    { qos: 1 },
  )
  const made = await asks(createTopic, {}, answer => ({
    'claimed certificate: key': answer.privateKey,
    'ownership token': answer.certificateOwnershipToken,
  }))
  const done = await asks(provisionTopic, {
    certificateOwnershipToken: made.certificateOwnershipToken,
    parameters: { SerialNumber: 'pump-1' },
  })
  assert.equal(done.thingName, 'pump-1', JSON.stringify(done))
  await (await connect({ clientId: 'pump-1', cert: made.certificatePem, key: made.privateKey })).client.endAsync()
  const { publicKey, privateKey } = await generateKey()
  const signed = await asks(
    signTopic,
    { certificateSigningRequest: createCsr({ id: 'whatever', publicKey, privateKey }) },
    answer => ({ 'ownership token of a request': answer.certificateOwnershipToken }),
  )
  house.vault.plantKey('key of a request', pkcs8Pem(privateKey))
  return {
    ...identity,
    asks,
    provisionTopic,
    spent: made.certificateOwnershipToken as string,
    unspent: signed.certificateOwnershipToken as string,
  }
}

/** Ends with a code that nobody has used. */
export async function usePairingCodes({ device }: SecretHouse, call: Call): Promise<string> {
  const codeFor = async (deviceId: string): Promise<string> =>
    (await call('POST', '/pairing-codes', { body: { deviceId }, reveals: ({ code }) => ({ [`code for ${deviceId}`]: code }) }))
      .code
  const asks = (pairingCode: string, more: object = {}, reveals?: Ask['reveals']) =>
    device('/v1/provision', { body: JSON.stringify({ pairingCode, ...more }), ...(reveals && { reveals }) })
  const spent = await codeFor('lamp-1')
  await asks(spent, {}, ({ privateKey }) => ({ 'paired device: key': privateKey }))
  await asks(await codeFor('lamp-2'), { credentials: { kind: 'sas' } }, keysOf('paired device'))
  await asks(await codeFor('lamp-3'), { credentials: { kind: 'password' } }, ({ password }) => ({
    'paired device: password': password,
  }))
  const open = await codeFor('lamp-4')
  const refused = [
    await asks(spent),
    await asks(open, { csr: open, certificate: open }),
    await asks(open, { template: open }),
    await device('/v1/provision', { body: `{"pairingCode": "${open}` }),
    await device(`/v1/provision?pairingCode=${open}`, { body: '{}' }),
  ]
  for (const { status, place } of refused) assert.ok(status >= 400, `${place}: ${status}`)
  return open
}

export async function useAuthorities({ vault, folder, ask }: SecretHouse, call: Call) {
  const [password, passphrase, theirs] = ['file', 'root', 'bundle'].map(what => `${what} ${randomBytes(9).toString('hex')}`) as [
    string,
    string,
    string,
  ]
  plant(vault, {
    'passphrase of the p12': password,
    "passphrase of the root's key": passphrase,
    'passphrase of the bundle': theirs,
  })
  const p12 = await ask('POST', `${hubPath}/certificates`, { body: { format: 'p12', password } })
  assert.equal(p12.status, 201, p12.text)
  const file = join(folder, 'made.p12')
  writeFileSync(file, p12.bytes)
  const opened = execFileSync('openssl', ['pkcs12', '-in', file, '-nodes', '-passin', 'env:PASSWORD'], {
    env: { ...process.env, PASSWORD: password },
  })
  vault.plantKey('p12: key', /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(opened.toString())![0])
  assert.equal(p12.headers.get('cache-control'), 'no-store')

  const now = Date.now()
  const above = await createRoot({ hubId: 'theirs', now, random: randomBytes })
  const issuing = await createIntermediate({ hubId: 'theirs', n: 1, root: above, now, random: randomBytes })
  const key = pkcs8Pem(issuing.privateKey)
  const encrypted = issuing.privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: theirs })
    .toString()
  vault.plantKey('imported authority: key', key)
  const pem = `${issuing.pem}\n${encrypted}\n${above.pem}`
  await call('POST', '/cas/import', { body: { pem, passphrase: theirs, name: 'theirs' } })

  const exported = await call('POST', '/cas/root/export', { body: { passphrase } })
  const rootKey = createPrivateKey({ key: exported.privateKeyPem, passphrase })
  vault.plantKey('root: key', pkcs8Pem(rootKey))
  const bundle = `${exported.certificatePem}\n${exported.privateKeyPem}`
  await call('POST', '/cas/root/erase')
  await call('POST', '/cas/root/restore', { body: { pem: bundle, passphrase } })
  return { pem, key, passphrase: theirs, root: bundle, p12: password }
}

/** The operation of a CSV file and that of JSON lines: keys and passwords in rows, and such as the hub makes. */
export async function useImports({ vault, ask }: SecretHouse, call: Call): Promise<string[]> {
  const rows = Array.from({ length: 4 }, () => ({ primaryKey: random(), secondaryKey: random(), password: `row ${random(12)}` }))
  for (const [at, { primaryKey, secondaryKey, password }] of rows.entries())
    plant(vault, {
      [`row ${at}: primary`]: primaryKey,
      [`row ${at}: secondary`]: secondaryKey,
      [`row ${at}: password`]: password,
    })
  const [a, b, c, d] = rows as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0], (typeof rows)[0]]
  const csv = [
    'id,kind,primaryKey,secondaryKey,username,password,enabled',
    `row-1,sas,${a.primaryKey},${a.secondaryKey},,,`,
    `row-2,password,,,user two,${a.password},`,
    'row-3,sas,,,,,',
    'row-4,password,,,,,',
    'row-5,x509,,,,,',
    // in the wrong columns
    `${b.primaryKey},sas,,,,,`,
    `row-6,${b.secondaryKey},,,,,`,
    `row-7,password,,,,,${b.password}`,
    `row-8,sas,${b.password},,,,`,
    `row-9,password,${c.primaryKey},,,,`,
    `row-10,password,,,,"${c.password}`,
  ].join('\n')
  const lines = [
    JSON.stringify({ id: 'line-1', kind: 'sas', primaryKey: c.primaryKey, secondaryKey: c.secondaryKey }),
    JSON.stringify({ id: 'line-2', kind: 'password' }),
    JSON.stringify({ id: d.primaryKey, kind: 'sas' }),
    JSON.stringify({ id: 'line-3', [d.secondaryKey]: 1 }),
    `{"id": "line-4", "kind": "password", "password": "${d.password}`,
  ].join('\n')
  const ids: string[] = []
  for (const [type, raw, file] of [
    ['text/csv', csv, 'csv'],
    ['application/x-ndjson', lines, 'lines'],
  ] as const) {
    const started = await call('POST', '/devices/import', { raw, type })
    const { id } = started.operation
    ids.push(id)
    await until(
      'it is over',
      async () => /"state":"(done|failed)"/.test((await ask('GET', `${hubPath}/operations/${id}`)).text),
      60_000,
    )
    await call('POST', `/operations/${id}/secrets`, {
      reveals: (text: string) =>
        Object.fromEntries(
          text
            .trim()
            .split('\n')
            .flatMap(line => {
              const { id: device, secrets } = JSON.parse(line) as { id: string; secrets: Record<string, string> }
              return ['primaryKey', 'secondaryKey', 'password', 'privateKeyPem']
                .filter(member => secrets[member] !== undefined)
                .map(member => [`${file} ${device}: ${member}`, secrets[member]])
            }),
        ),
    })
  }
  // a header that is none
  await ask('POST', `${hubPath}/devices/import`, { raw: `id,${d.primaryKey}\nrow-11,1`, type: 'text/csv' })
  return ids
}

/** Secrets that nodes make and take. */
export async function useNodes(house: SecretHouse): Promise<void> {
  const { vault, ask, folder, seen } = house
  const tell = async (to: string, body: object) => assert.equal((await ask('POST', `/flow/${to}`, { body })).status, 200)
  const given = { primaryKey: random(), secondaryKey: random(), password: `flow ${random(12)}`, file: `p12 ${random(12)}` }
  plant(vault, Object.fromEntries(Object.entries(given).map(([name, value]) => [`flow: given ${name}`, value])))
  const { primaryKey, secondaryKey } = given
  await tell('device', { payload: { id: 'flow-1', credentials: { kind: 'sas', primaryKey, secondaryKey } } })
  await tell('device', {
    payload: [
      { id: 'flow-2', credentials: { kind: 'password' } },
      { id: 'flow-3', credentials: { kind: 'x509' } },
    ],
  })
  for (const id of ['flow-1', 'flow-2', 'flow-3'])
    await until(`${id} is there`, async () => (await ask('GET', `${hubPath}/devices/${id}`)).status === 200, 30_000)
  await tell('device', {
    action: 'credential',
    payload: { id: 'flow-1', credential: { kind: 'password', password: given.password } },
  })
  await tell('device', { action: 'rotate', payload: { id: 'flow-1', credential: { kind: 'sas' } } })
  await tell('device', { action: 'regenerate', payload: { id: 'flow-1', slot: 'primary' } })
  await tell('certificate', { action: 'issue', device: 'flow-2', payload: '' })
  await tell('action', { device: 'flow-1', payload: { t: 1 } })
  await until(
    'a message waits for its endpoint',
    async () => JSON.parse((await ask('GET', `${hubPath}/endpoints`)).text).items[0]?.waiting === 1,
    30_000,
  )
  await tell('provision', { action: 'enrol', payload: { id: 'flow-group', kind: 'group', attestation: { kind: 'sas' } } })
  await tell('provision', { action: 'claim', payload: { id: 'flow-claim', templates: ['pumps'], keyType: 'ec-p256' } })
  const made = (): any[] => linesOf(seen('made.jsonl')).map(line => JSON.parse(line))
  const key = await until('a key', () => made().find(({ payload }) => payload.privateKeyPem && payload.chainPem)?.payload, 30_000)
  await tell('certificate', { action: 'p12', payload: key, certificate: { password: given.file } })
  const secretsIn = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [name, member] of Object.entries(value)) {
      if (typeof member === 'string' && /^(primaryKey|secondaryKey|password|privateKeyPem)$/.test(name))
        plant(vault, { [`${at} ${name}`]: member })
      else secretsIn(member, `${at} ${name}`)
    }
  }
  await until('all of them', () => made().length >= 7, 30_000)
  for (const [at, { payload }] of made().entries()) secretsIn(payload, `flow: made ${at}`)

  const pems = await until(
    'simulated devices have keys',
    () => {
      const found = filesIn(join(folder, 'hub', 'simulator')).filter(([path]) => path.endsWith('.pem'))
      return found.length >= 2 && found
    },
    60_000,
  )
  for (const [path, bytes] of pems)
    vault.plantKey(`simulator: ${path.split('/').at(-1)}`, bytes.toString().split('-----BEGIN CERT')[0]!)
}
