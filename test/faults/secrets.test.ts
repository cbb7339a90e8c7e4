import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf } from '../hub-flows.ts'
import { root } from '../node-red-process.ts'
import { stopAll, until } from '../processes.ts'
import { actionSecret, secretFlows } from './secret-flows.ts'
import { filesIn, plant, secretHouse, type SecretHouse } from './secret-house.ts'
import { misuse } from './secret-misuses.ts'
import { createVault, type Hit, type Vault } from './secret-search.ts'
import { useAuthorities, useClaims, useEnrolments, useImports, useNodes, usePairingCodes } from './secret-uses-fleet.ts'
import {
  type Call,
  callOf,
  hubPath,
  random,
  useBearerTokens,
  useCertificates,
  usePasswords,
  useSharedKeys,
} from './secret-uses.ts'

const shown = (hits: Hit[]): string[] =>
  hits.map(({ secret, place, around }) => `${secret} in ${place}: ${JSON.stringify(around)}`)

/** So that no list is empty and no reading is refused for want of anything. */
async function fill(call: Call): Promise<void> {
  await call('POST', '/devices', { body: { id: 'old-1' } })
  await call('POST', '/devices/old-1/retire', { body: { reason: 'worn out' } })
  await call('POST', '/groups', { body: { id: 'hall' } })
  await call('PUT', '/configurations/log', { body: { text: 'thingGroupNames:hall', desired: { log: 'warn' } } })
  await call('POST', '/models', { body: { id: 'meter', source: 'none', document: {} } })
  await call('POST', '/schemas', { body: { subject: 'meter', schema: '"string"' } })
  await call('PUT', '/registry/config/meter', { body: { compatibility: 'FULL' } })
  await call('POST', '/reference', { body: { name: 'sites', rows: { a: 1 } } })
  await call('PATCH', '/devices/sas-1/shadows/config', { body: { desired: { on: true } } })
  await call('POST', '/groups/hall/members', { body: { devices: ['sas-1'] } })
  await call('POST', '/commands', { body: { group: 'hall', message: { body: { on: true } } } })
  await call('POST', '/fleet/groups', { body: { id: 'pumps', text: 'thingName:pump*' } })
  await call('POST', '/allow-lists', { body: { name: 'line' } })
  await call('POST', '/allow-lists/line/entries', { body: { entries: [{ serial: 'a1' }] } })
  const body = { Resources: { thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'x' } } } }
  await call('POST', '/templates', { body: { name: 'comes', kind: 'jitp', body } })
  const { items } = await call('GET', '/cas')
  await call('PUT', `/cas/${items[0].id}/template`, { body: { template: 'comes' } })
}

describe('secrets', function () {
  this.timeout(600_000)
  let vault: Vault
  let house: SecretHouse
  let operations: string[] = []
  const searched = new Map<string, number>()
  const search = (place: string, content: string | Buffer): Hit[] => {
    searched.set(place, Buffer.byteLength(content))
    return vault.search(place, content)
  }

  before(async () => {
    vault = createVault()
    const [hubKey, environmentKey, otherKey] = [random(), random(), random()] as [string, string, string]
    plant(vault, {
      'hub key of the node': hubKey,
      'hub key of the environment': environmentKey,
      'hub key that does not fit': otherKey,
      'secret of an action': actionSecret,
    })
    house = await secretHouse({ vault, hubId: 'main', env: { THINGLOOM_KEY: environmentKey } })
    await house.deploy(secretFlows(house, hubKey))
    const call = callOf(house)
    await until('the hub serves', async () => (await call('GET', '/health')).status === 'ok', 60_000)
    await house.listen()

    const sas = await useSharedKeys(house, call)
    const { password, made: madePassword } = await usePasswords(house, call)
    const { key, cert, cid } = await useCertificates(house, call)
    const { jwt, signed } = await useBearerTokens(house, call)
    const group = await useEnrolments(house, call)
    const claim = await useClaims(house, call)
    const code = await usePairingCodes(house, call)
    const ca = await useAuthorities(house, call)
    operations = await useImports(house, call)
    await useNodes(house)
    await fill(call)

    // Certificates that count no more, tokens that are spent, and such as are handed in where they do not belong.
    await call('DELETE', `/devices/x509-1/credentials/${cid}?reason=keyCompromise`)
    await house.refused({ clientId: 'x509-1', cert, key })
    for (const parameters of [{ SerialNumber: 'pump-2' }, { SerialNumber: claim.unspent }])
      await claim.asks(claim.provisionTopic, { certificateOwnershipToken: claim.spent, parameters })
    await claim.asks(claim.provisionTopic, {
      certificateOwnershipToken: `${claim.unspent}x`,
      parameters: { SerialNumber: 'pump-2' },
    })
    await claim.asks(claim.provisionTopic, `{"certificateOwnershipToken": "${claim.unspent}`)
    await misuse(house, {
      secrets: {
        'shared key': sas.primaryKey,
        'shared access token': sas.token,
        'connection string': `HostName=main.test;DeviceId=sas-1;SharedAccessKey=${sas.primaryKey}`,
        'bearer token': jwt,
        'signature of the authorizer': signed,
        'group key': group.primaryKey,
        'derived key': group.derived,
        'dps token': group.token,
        'ownership token': claim.unspent,
        'private key': key,
        'claim key': claim.key,
        'hub key': hubKey,
        'made password': madePassword,
      },
      phrases: { password, 'passphrase of a bundle': ca.passphrase, 'pairing code': code },
    })
    await house.ask('POST', `${hubPath}/cas/import`, { body: { pem: ca.pem, passphrase: `${ca.passphrase}x` } })
    await house.ask('POST', `${hubPath}/cas/root/restore`, { body: { pem: ca.root, passphrase: `${ca.passphrase}x` } })
    await house.ask('POST', `${hubPath}/cas/root/export`, { body: { passphrase: 'short' } })
    // A hub with a key that does not fit its data, and with one that is none.
    for (const wrong of [otherKey, otherKey.slice(0, -4)])
      await house.deploy(secretFlows(house, hubKey, { credentials: { key: wrong } }), 'nodes')
  })
  after(async () => {
    await house?.hangUp()
    await stopAll()
  })

  it('are in the answers that made them, which nobody may keep', () => {
    const revealing = house.exchanges.filter(({ reveals }) => reveals.size)
    assert.ok(revealing.length > 15, `${revealing.length}`)
    for (const { place, text, headers, reveals } of revealing) {
      assert.equal(headers.get('cache-control'), 'no-store', place)
      const there = vault.search(place, text.replaceAll('\\n', '')).map(({ secret }) => secret)
      for (const name of reveals) assert.ok(there.includes(name), `${name} is not in ${place}`)
    }
  })

  it('are in no other answer', () => {
    const hits = house.exchanges.flatMap(({ place, bytes, reveals }) =>
      search(place, bytes).filter(({ secret }) => !reveals.has(secret)),
    )
    assert.deepEqual(shown(hits), [])
  })

  it('are in nothing that can be read afterwards', async () => {
    const { ask, nodeRed } = house
    const { paths } = await nodeRed.call<{ paths: Record<string, Record<string, object>> }>('GET', '/thingloom/openapi.json')
    const reads = Object.entries(paths).flatMap(([path, methods]) => ('get' in methods ? [path] : []))
    const documented = [...readFileSync(join(root, 'docs', 'admin-api.md'), 'utf8').matchAll(/^\| GET `([^`]+)` \|/gm)].map(
      ([, path]) => path,
    )
    assert.deepEqual([...reads].sort(), [...documented].sort())

    const all = async (path: string): Promise<any[]> => (await nodeRed.call<any>('GET', `${hubPath}${path}`)).items
    const ids = async (path: string, member = 'id') => (await all(path)).map(item => String(item[member]))
    const known: Record<string, string[]> = {
      hub: ['main', 'own'],
      id: await ids('/devices'),
      operation: operations,
      ca: await ids('/cas'),
      policy: await ids('/policies'),
      group: [...(await ids('/groups')), ...(await ids('/fleet/groups'))],
      configuration: await ids('/configurations'),
      model: await ids('/models'),
      ...{ subject: ['meter'], version: ['latest'], schema: ['1'] },
      table: await ids('/reference', 'name'),
      shadow: ['config'],
      node: ['rules'],
      run: await ids('/commands'),
      enrolment: await ids('/enrolments'),
      template: await ids('/templates', 'name'),
      claim: await ids('/claims'),
      list: await ids('/allow-lists', 'name'),
    }
    const queries: Record<string, string> = {
      'policies/who-may': '?action=iot:Publish&topic=dt/pw-1/x',
      'policies/attached': '?all=true',
    }
    for (const path of reads.filter(path => !path.endsWith('/events'))) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
      let filled = [path]
      for (const name of names) {
        const values = known[name] ?? []
        assert.ok(values.length, `nothing is known for {${name}} of GET ${path}`)
        filled = filled.flatMap(one => values.map(value => one.replace(`{${name}}`, encodeURIComponent(value))))
      }
      const query = queries[path.replace('/thingloom/{hub}/', '')] ?? ''
      const statuses = new Set<number>()
      for (const one of filled) {
        let next: string | undefined
        do {
          const cursor = next ? `${query ? '&' : '?'}cursor=${encodeURIComponent(next)}` : ''
          const { status, text } = await ask('GET', `${one}${query}${cursor}`)
          statuses.add(status)
          next = status === 200 && text.startsWith('{') ? JSON.parse(text).next : undefined
        } while (next)
      }
      assert.ok(statuses.has(200), `GET ${path}: ${[...statuses]}`)
    }
    for (const path of ['/flows', '/flow/tab', '/flow/global', '/settings', '/nodes', '/diagnostics', '/context/global'])
      await ask('GET', path)
    const credentials = await ask('GET', '/credentials/loom-hub/node-main')
    assert.deepEqual(JSON.parse(credentials.text), { has_key: true })
    const hits = house.exchanges.flatMap(({ place, bytes, reveals }) =>
      search(place, bytes).filter(({ secret }) => !reveals.has(secret)),
    )
    assert.deepEqual(shown(hits), [])
  })

  it('are in no live event and nothing that the editor shows', () => {
    for (const { place, text } of house.streams) assert.ok(text.length > 1000, `${place} is silent`)
    assert.deepEqual(shown(house.streams.flatMap(({ place, text }) => search(place, text))), [])
  })

  it('are in no message of a flow but those that are there for them', () => {
    const files = ['messages.jsonl', 'errors.jsonl'].map(house.seen)
    for (const file of files) assert.ok(linesOf(file).length > 20, `${file} has few lines`)
    assert.deepEqual(shown(files.flatMap(file => search(file, readFileSync(file)))), [])
  })

  it('are in no file but those that are there for them', () => {
    const secretFiles = [/\/hub\/simulator\//, /hub\.key$/, /\/seen\//, /made\.p12$/, /node_modules/]
    const files = filesIn(house.folder).filter(([path]) => !secretFiles.some(pattern => pattern.test(path)))
    for (const name of ['identity.db', 'audit.db', 'flows.json', 'flows_cred.json'])
      assert.ok(
        files.some(([path]) => path.endsWith(name)),
        `${name} is missing`,
      )
    assert.deepEqual(shown(files.flatMap(([path, bytes]) => search(path.slice(house.folder.length), bytes))), [])
  })

  it('are in no log, and one that a flow logs is found there', async () => {
    const log = () => house.nodeRed.child.output()
    assert.match(log(), /\[audit\]/)
    assert.deepEqual(shown(search('log', log())), [])
    const careless = random()
    vault.plant('careless', careless)
    await house.ask('POST', '/flow/careless', { body: { secret: careless } })
    await until('it is logged', () => log().includes('it is '), 30_000)
    assert.deepEqual(
      vault.search('log', log()).map(({ secret }) => secret),
      ['careless'],
    )
    const bytes = [...searched.values()].reduce((sum, one) => sum + one, 0)
    console.log(`      ${vault.names().length} secrets, ${searched.size} places, ${Math.round(bytes / 1024 ** 2)} MiB`)
  })
})
