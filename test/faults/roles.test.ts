import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createIntermediate, createRoot } from '../../src/pki/pki.ts'
import { pkcs8Pem } from '../../src/pki/keys.ts'
import { hubNode, tab } from '../hub-flows.ts'
import { root, userFolder } from '../node-red-process.ts'
import { type Child, freePorts, start, stopAll, tempFolder, until } from '../processes.ts'

/** Users by name: what Node-RED lets them do. */
const users: Readonly<Record<string, string | string[]>> = {
  reader: ['thingloom.read'],
  writer: ['thingloom.write'],
  admin: ['thingloom.admin.write'],
  anna: ['thingloom.read', 'thingloom.write', 'thingloom.admin.write'],
  stranger: ['flows.read', 'flows.write', 'nodes.write'],
  looker: 'read',
  owner: '*',
}
/** As docs/admin-api.md says: `*` may do all, `read` looks. */
const mayDo = (user: string, permission: string): boolean => {
  const given = users[user]!
  if (given === '*') return true
  return given === 'read' ? permission === 'thingloom.read' : given.includes(permission)
}

interface Documented {
  method: string
  path: string
  permission: string
}
const table: Documented[] = [
  ...readFileSync(join(root, 'docs', 'admin-api.md'), 'utf8').matchAll(
    /^\| (GET|POST|PUT|PATCH|DELETE) `([^`]+)` \|.*\| `([^`]+)` \|$/gm,
  ),
].map(([, method, path, permission]) => ({ method: method!, path: path!, permission: permission! }))

const settings = `module.exports = {
  uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: 'test', diagnostics: { enabled: false },
  editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
  telemetry: { enabled: false }, externalModules: { autoInstall: false }, logging: { console: { level: 'info' } },
  adminAuth: {
    type: 'credentials',
    users: name => Promise.resolve(name in users ? { username: name, permissions: users[name] } : null),
    authenticate: (name, password) => Promise.resolve(name in users && password === 'of ' + name ? { username: name, permissions: users[name] } : null),
  },
}
const users = ${JSON.stringify(users)}\n`

describe('roles', function () {
  this.timeout(180_000)
  let child: Child
  let url: string
  const tokens: Record<string, string> = {}

  before(async () => {
    const folder = tempFolder('roles')
    const [port] = (await freePorts(1)) as [number]
    const user = userFolder(join(folder, 'user'), [
      tab('tab'),
      hubNode('main', join(folder, 'hub'), {}, { broker: 'none', store: 'memory' }),
      { id: 'rules', z: 'tab', x: 1, y: 1, type: 'loom-route', name: '', hub: 'node-main', rules: [], wires: [] },
    ])
    writeFileSync(join(user, 'settings.cjs'), settings)
    const args = ['--userDir', user, '--settings', join(user, 'settings.cjs'), '--port', String(port)]
    child = start(process.execPath, [join(root, 'node_modules', 'node-red', 'red.js'), ...args], {
      cwd: user,
      env: { NODE_OPTIONS: '' },
    })
    await child.says(/Started flows/, 60_000)
    url = `http://127.0.0.1:${port}`
    for (const name of Object.keys(users)) {
      const login = { client_id: 'node-red-admin', grant_type: 'password', scope: '', username: name, password: `of ${name}` }
      const answer = await fetch(`${url}/auth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(login),
      })
      assert.equal(answer.status, 200, `${name} cannot log in: ${await answer.clone().text()}`)
      tokens[name] = ((await answer.json()) as { access_token: string }).access_token
    }
    await until(
      'the hub serves',
      async () => (await ask('GET', '/thingloom/main/health', { as: 'reader' })).status === 200,
      60_000,
    )
  })
  after(stopAll)

  interface Ask {
    as?: string
    token?: string | undefined
    body?: unknown
    csv?: string
  }
  const ask = async (method: string, path: string, { as, token = as && tokens[as], body, csv }: Ask = {}) => {
    const ends = new AbortController()
    const sent = csv ?? (body === undefined ? undefined : JSON.stringify(body))
    const answer = await fetch(url + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(sent !== undefined && { 'content-type': csv === undefined ? 'application/json' : 'text/csv' }),
      },
      ...(sent !== undefined && { body: sent }),
      signal: AbortSignal.any([ends.signal, AbortSignal.timeout(60_000)]),
    })
    // Live events go on for ever.
    const stream = answer.headers.get('content-type')?.startsWith('text/event-stream')
    const text = stream ? '' : await answer.text()
    if (stream) ends.abort()
    const json = /json/.test(answer.headers.get('content-type') ?? '') && !/ndjson/.test(answer.headers.get('content-type') ?? '')
    return { status: answer.status, text, body: json ? JSON.parse(text) : undefined }
  }
  /** A request that fits the route but names nothing that there is. */
  const tries = ({ method, path }: Documented, o: Ask) => {
    const filled = path
      .replace('{hub}', 'main')
      .replace(/\{(letter|schema)\}/, '1')
      .replace(/\{\w+\}/g, 'nobody')
    if (/import$|resume$/.test(path)) return ask(method, filled, { ...o, csv: 'id\n' })
    return ask(method, filled, { ...o, ...(/POST|PUT|PATCH/.test(method) && { body: {} }) })
  }
  const trail = async (): Promise<{ seq: number; actor: string; action: string; target: string }[]> => {
    const items = []
    let next: string | undefined
    do {
      const cursor = next ? `?cursor=${encodeURIComponent(next)}` : ''
      const { body } = await ask('GET', `/thingloom/main/audit${cursor}`, { as: 'reader' })
      items.push(...body.items)
      next = body.next
    } while (next)
    return items
  }

  it('the table of the documentation has every route with its permission', async () => {
    const { body } = await ask('GET', '/thingloom/openapi.json', { as: 'reader' })
    const served = Object.entries<Record<string, { description: string }>>(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, { description }]) => `${method.toUpperCase()} ${path} ${/`([^`]+)`/.exec(description)![1]}`,
      ),
    )
    assert.ok(table.length > 90, `${table.length}`)
    assert.deepEqual(served.sort(), table.map(({ method, path, permission }) => `${method} ${path} ${permission}`).sort())
  })

  it('nobody gets anywhere without a token, or with one that is none', async () => {
    for (const route of [...table, { method: 'GET', path: '/thingloom/openapi.json', permission: 'thingloom.read' }])
      for (const token of [undefined, 'x', `${tokens.owner!.slice(0, -1)}-`])
        assert.equal((await tries(route, { token })).status, 401, `${route.method} ${route.path}`)
  })

  it('everybody gets as far as the permission says, and who is refused leaves no trace', async () => {
    const wrong: string[] = []
    const check = async (user: string, route: Documented) => {
      const { status, text } = await tries(route, { as: user })
      const allowed = mayDo(user, route.permission)
      const fits = allowed ? status !== 401 && status !== 403 && status < 500 : status === 401
      if (!fits) wrong.push(`${user} at ${route.method} ${route.path}: ${status} ${text.slice(0, 100)}`)
      if (!allowed && text !== 'Unauthorized' && text !== '') wrong.push(`${user} is told ${text.slice(0, 100)}`)
    }
    const before = (await trail()).length
    for (const user of Object.keys(users)) for (const route of table) if (!mayDo(user, route.permission)) await check(user, route)
    assert.equal((await trail()).length, before)
    for (const user of Object.keys(users)) for (const route of table) if (mayDo(user, route.permission)) await check(user, route)
    assert.deepEqual(wrong, [])
    console.log(`      ${table.length} routes, ${Object.keys(users).length} users`)
  })

  it('each change is in the audit log under the name of who made it', async () => {
    const done = new Set<string>()
    const by = async (route: string, values: Record<string, string> = {}, o: Ask & { query?: string } = {}) => {
      const known = table.find(({ method, path }) => `${method} ${path.replace('/thingloom/{hub}', '')}` === route)
      assert.ok(known, `no route ${route}`)
      const filled = known.path.replace(/\{(\w+)\}/g, (_, name) => (name === 'hub' ? 'main' : encodeURIComponent(values[name]!)))
      const before = (await trail())[0]?.seq ?? 0
      const { status, text, body } = await ask(known.method, `${filled}${o.query ?? ''}`, { as: 'anna', ...o })
      assert.ok(status < 300, `${route}: ${status} ${text.slice(0, 300)}`)
      const told = (await trail()).filter(({ seq }) => seq > before)
      assert.ok(
        told.some(({ actor }) => actor === 'user anna'),
        `${route} is not in the audit log: ${JSON.stringify(told)}`,
      )
      // A configuration changes twins under its own name, once somebody has put it.
      for (const { actor, action } of told.filter(entry => !entry.actor.startsWith('configuration ')))
        assert.equal(actor, 'user anna', `${route}: ${action}`)
      done.add(route)
      return body
    }
    const id = { id: 'd1' }
    await by('POST /devices', {}, { body: { id: 'd1', credentials: { kind: 'sas' } } })
    await by('PATCH /devices/{id}', id, { body: { tags: { a: 1 } } })
    await by('POST /devices/{id}/quarantine', id, { body: { reason: 'x' } })
    await by('POST /devices/{id}/release', id)
    const shadow = { ...id, shadow: 'config' }
    await by('PATCH /devices/{id}/twin', id, { body: { desired: { a: 1 }, tags: { b: 1 } } })
    await by('PUT /devices/{id}/twin', id, { body: { desired: { a: 2 } } })
    await by('PATCH /devices/{id}/shadows/{shadow}', shadow, { body: { desired: { a: 1 } } })
    await by('DELETE /devices/{id}/shadows/{shadow}', shadow)
    await by('DELETE /devices/{id}/inbox', id)
    await by('POST /commands', {}, { body: { devices: ['d1'], message: { body: 'x' } } })
    const { cid } = await by('POST /devices/{id}/credentials', id, { body: { kind: 'sas' } })
    await by('POST /devices/{id}/credentials/{cid}/regenerate', { ...id, cid }, { body: { slot: 'primary' } })
    await by('DELETE /devices/{id}/credentials/{cid}', { ...id, cid })
    const { operation } = await by('POST /devices/import', {}, { csv: 'id,kind\nd2,sas\n' })
    await until('it is over', async () => {
      const { body } = await ask('GET', `/thingloom/main/operations/${operation.id}`, { as: 'reader' })
      return body.operation.state === 'done'
    })
    await by('POST /operations/{operation}/secrets', { operation: operation.id })
    await by('POST /groups', {}, { body: { id: 'g1' } })
    await by('PATCH /groups/{group}', { group: 'g1' }, { body: { description: 'x' } })
    await by('POST /groups/{group}/members', { group: 'g1' }, { body: { devices: ['d1'] } })
    await by('DELETE /groups/{group}/members', { group: 'g1' }, { query: '?devices=d1' })
    const fleetGroup = { group: 'f1' }
    await by('POST /fleet/groups', {}, { body: { id: 'f1', text: 'thingName:nobody*' } })
    await by('PATCH /fleet/groups/{group}', fleetGroup, { body: { description: 'x' } })
    await by('DELETE /fleet/groups/{group}', fleetGroup)
    const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: 'topic/x' }] }
    const policy = { policy: 'p1' }
    await by('POST /policies', {}, { body: { id: 'p1', document } })
    await by('PUT /policies/{policy}', policy, { body: { description: 'x' } })
    await by('POST /policies/{policy}/attachments', policy, { body: { group: 'g1' } })
    await by('DELETE /policies/{policy}/attachments', policy, { query: '?group=g1' })
    await by('DELETE /policies/{policy}', policy)
    await by('PUT /policies/strict', {}, { body: { strict: true } })
    await by('DELETE /groups/{group}', { group: 'g1' })
    const rollout = { configuration: 'c1' }
    await by('PUT /configurations/{configuration}', rollout, { body: { text: '*', desired: { log: 'warn' }, canary: 1 } })
    await by('POST /configurations/{configuration}/promote', rollout, { body: {} })
    await by('DELETE /configurations/{configuration}', rollout)
    await by('POST /models', {}, { body: { id: 'm1', source: 'none', document: {} } })
    await by('PATCH /models/{model}', { model: 'm1' }, { body: { mode: 'off' } })
    await by('PUT /model-settings', {}, { body: { default: 'm1' } })
    await by('PUT /model-settings', {}, { body: { default: null } })
    await by('DELETE /models/{model}', { model: 'm1' })
    await by('POST /reference', {}, { body: { name: 'r1', rows: {} } })
    await by('PUT /reference/{table}', { table: 'r1' }, { csv: 'id\n' })
    await by('DELETE /reference/{table}', { table: 'r1' })
    const publicKeyPem =
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n'
    const issuer = { issuer: 'https://idp.test', audience: 'main', algorithm: 'EdDSA', keys: { publicKeyPem } }
    await by('PUT /issuers/{issuer}', { issuer: 'idp' }, { body: issuer })
    await by('DELETE /issuers/{issuer}', { issuer: 'idp' })
    const now = Date.now()
    const above = await createRoot({ hubId: 'theirs', now, random: randomBytes })
    const issuing = await createIntermediate({ hubId: 'theirs', n: 1, root: above, now, random: randomBytes })
    const { id: ca } = await by('POST /cas', {}, { body: { pem: above.pem, trust: 'operator' } })
    await by('PATCH /cas/{ca}', { ca }, { body: { active: false } })
    await by('PATCH /cas/{ca}', { ca }, { body: { active: true } })
    const jitp = { Resources: { thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'x' } } } }
    await by('POST /templates', {}, { body: { name: 'jitp', kind: 'jitp', body: jitp } })
    await by('PUT /cas/{ca}/template', { ca }, { body: { template: 'jitp' } })
    await by('DELETE /cas/{ca}/template', { ca })
    await by('DELETE /cas/{ca}', { ca })
    await by('PATCH /templates/{template}', { template: 'jitp' }, { body: { quota: 3 } })
    await by('POST /cas/import', {}, { body: { pem: `${issuing.pem}\n${pkcs8Pem(issuing.privateKey)}\n${above.pem}` } })
    await by('POST /certificates', {}, { body: {} })
    const passphrase = 'long enough to be one'
    const { certificatePem, privateKeyPem } = await by('POST /cas/root/export', {}, { body: { passphrase } })
    await by('POST /cas/root/erase')
    await by('POST /cas/root/restore', {}, { body: { pem: `${certificatePem}\n${privateKeyPem}`, passphrase } })
    const enrolment = { enrolment: 'e1' }
    await by('POST /enrolments', {}, { body: { id: 'e1', kind: 'group', attestation: { kind: 'sas' } } })
    await by('PATCH /enrolments/{enrolment}', enrolment, { body: { quota: 3 } })
    await by('POST /enrolments/{enrolment}/keys', enrolment, { body: { slot: 'primary' } })
    await by('DELETE /enrolments/{enrolment}', enrolment)
    await by('POST /claims', {}, { body: { id: 'c1', templates: ['jitp'], keyType: 'ec-p256' } })
    await by('PATCH /claims/{claim}', { claim: 'c1' }, { body: { quota: 3 } })
    await by('DELETE /claims/{claim}', { claim: 'c1' })
    await by('DELETE /templates/{template}', { template: 'jitp' })
    const { pairing } = await by('POST /pairing-codes', {}, { body: { deviceId: 'lamp-1' } })
    await by('DELETE /pairing-codes/{pairing}', { pairing: pairing.id })
    await by('PATCH /bootstrap', {}, { body: { intervals: { telemetryMs: 60_000 } } })
    await by('POST /bootstrap/prune', {}, { body: { intervals: ['telemetryMs'] } })
    await by('POST /allow-lists', {}, { body: { name: 'l1' } })
    await by('POST /allow-lists/{list}/entries', { list: 'l1' }, { body: { entries: [{ serial: 'a' }] } })
    await by('DELETE /allow-lists/{list}/entries', { list: 'l1' }, { query: '?serials=a' })
    await by('DELETE /allow-lists/{list}', { list: 'l1' })
    const subject = { subject: 'pumps' }
    await by('POST /schemas', {}, { body: { subject: 'other', schema: '"int"' } })
    await by('PUT /schema-settings', {}, { body: { replay: 'start' } })
    await by('POST /registry/subjects/{subject}/versions', subject, { body: { schema: '"int"' } })
    await by('PUT /registry/config', {}, { body: { compatibility: 'NONE' } })
    await by('PUT /registry/config/{subject}', subject, { body: { compatibility: 'FULL' } })
    await by('DELETE /registry/config/{subject}', subject)
    await by('POST /registry/subjects/{subject}/versions', subject, { body: { schema: '"long"' } })
    await by('DELETE /registry/subjects/{subject}/versions/{version}', { ...subject, version: '1' })
    await by('DELETE /registry/subjects/{subject}', subject)
    await by('PUT /thingloom/rules/{node}', { node: 'rules' }, { body: { rules: [] } })
    await by('DELETE /registrations/{registration}', { registration: 'r1' })
    await by('POST /devices/{id}/retire', id, { body: {} })
    await by('DELETE /devices/{id}', id)
    await by('POST /audit/erase', {}, { body: { target: 'd1' } })

    /** Are in the history of the device: methods and messages. Need what no call makes: a device that waits, a dead letter, an import that stopped, a CA with a proof, a damaged log. Looking is no change. */
    const elsewhere = [
      'POST /operations/{operation}/cancel',
      'POST /operations/{operation}/resume',
      'POST /devices/{id}/methods/{method}',
      'POST /devices/{id}/messages',
      'POST /commands/{run}/cancel',
      'POST /commands/{run}/resume',
      'POST /deadletters/replay',
      'POST /deadletters/{letter}/replay',
      'DELETE /deadletters/{letter}',
      'DELETE /consumers/{name}',
      'POST /cas/{ca}/verify',
      'POST /provisioning/pending/{request}/approve',
      'POST /provisioning/pending/{request}/assign',
      'POST /provisioning/pending/{request}/deny',
      'POST /fleet/query',
      'POST /fleet/aggregate',
      'POST /policies/check',
      'POST /policies/test',
      'POST /model-checks',
      'POST /reference/{table}/lookup',
      'POST /registry/subjects/{subject}',
      'POST /registry/compatibility/subjects/{subject}/versions/{version}',
      'POST /audit/accept',
      'POST /audit/verify',
    ]
    const changes = table
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path.replace('/thingloom/{hub}', '')}`)
    assert.deepEqual(changes.filter(route => !done.has(route)).sort(), elsewhere.sort())
    console.log(`      ${done.size} kinds of changes`)
  })
})
