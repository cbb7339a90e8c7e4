import assert from 'node:assert/strict'
import { connectAsync } from 'mqtt'
import { until } from '../until.ts'
import { type RealHub, realHub } from './real-hub.ts'

const document = {
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { 'Fn::Join': ['', ['pump-', { Ref: 'SerialNumber' }]] } },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
  },
}
const group = { id: 'plant', kind: 'group', attestation: { kind: 'sas' } }

describe('admin API: provisioning', function () {
  this.timeout(60_000)
  let at: RealHub
  beforeEach(async () => {
    at = await realHub({ broker: 'embedded', listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }] })
  })
  afterEach(() => at.close())
  const fails = async (method: string, path: string, code: string, o: Parameters<RealHub['call']>[2] = {}) => {
    const { status, body } = await at.call(method, path, o)
    assert.equal(body.error?.code, code, `${method} ${path}: ${status}`)
    return body.error
  }
  const post = async (path: string, body: object, as?: string) => {
    const answer = await at.call('POST', path, { body, as })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer
  }

  it('takes an enrolment through its life; keys are in the answers that made them and nowhere after', async () => {
    const made = await post('/enrolments', group, 'anna')
    const { primaryKey, secondaryKey } = made.body.secrets
    assert.equal(made.headers.get('cache-control'), 'no-store')
    await fails('POST', '/enrolments', 'PROV_EXISTS', { body: group })
    const read = await at.call('GET', '/enrolments/plant')
    assert.equal(read.headers.get('etag'), made.headers.get('etag'))
    const ifMatch = { 'if-match': read.headers.get('etag')! }
    const changed = await at.call('PATCH', '/enrolments/plant', { body: { quota: 5, approval: 'manual' }, headers: ifMatch })
    assert.deepEqual([changed.body.enrolment.quota, changed.body.enrolment.approval], [5, 'manual'])
    await fails('PATCH', '/enrolments/plant', 'PROV_CONFLICT', { body: { enabled: false }, headers: ifMatch })
    const cleared = await at.call('PATCH', '/enrolments/plant', { body: { quota: null } })
    assert.equal('quota' in cleared.body.enrolment, false)
    const renewed = await at.call('POST', '/enrolments/plant/keys', { body: { slot: 'primary' } })
    assert.equal(renewed.body.secrets.secondaryKey, secondaryKey)
    assert.notEqual(renewed.body.secrets.primaryKey, primaryKey)
    const looked = await Promise.all(
      ['/enrolments', '/enrolments/plant', '/enrolments?kind=group', '/audit', '/registrations'].map(path =>
        at.call('GET', path),
      ),
    )
    const all = JSON.stringify(looked.map(({ body }) => body))
    for (const key of [primaryKey, secondaryKey, renewed.body.secrets.primaryKey]) assert.ok(!all.includes(key))
    assert.match(all, /user anna/)
    assert.deepEqual((await at.call('GET', '/enrolments?kind=individual')).body.items, [])
    assert.equal((await at.call('DELETE', '/enrolments/plant')).status, 204)
    await fails('GET', '/enrolments/plant', 'PROV_NO_ENROLMENT')
    await fails('DELETE', '/enrolments/plant', 'PROV_NO_ENROLMENT')
    assert.equal((await at.call('DELETE', '/registrations/nobody')).status, 204)
  })

  it('takes a template through its life, and points at what is wrong in one', async () => {
    const made = await post('/templates', { name: 'pumps', body: document })
    assert.equal(typeof made.body.body, 'string')
    await fails('POST', '/templates', 'PROV_EXISTS', { body: { name: 'pumps', body: document } })
    assert.equal(
      (await fails('POST', '/templates', 'PROV_TEMPLATE_INVALID', { body: { name: 'bad', body: '{"a": ' } })).position,
      6,
    )
    const headers = { 'if-match': made.headers.get('etag')! }
    const changed = await at.call('PATCH', '/templates/pumps', { body: { quota: 7, hook: { timeoutMs: 900 } }, headers })
    assert.deepEqual([changed.body.quota, changed.body.hook.timeoutMs], [7, 900])
    await fails('PATCH', '/templates/pumps', 'PROV_CONFLICT', { body: { quota: null }, headers })
    const cleared = await at.call('PATCH', '/templates/pumps', { body: { quota: null, hook: null } })
    assert.deepEqual([cleared.body.quota, cleared.body.hook], [undefined, undefined])
    assert.equal((await at.call('GET', '/templates/pumps')).headers.get('etag'), cleared.headers.get('etag'))
    assert.deepEqual(
      (await at.call('GET', '/templates')).body.items.map(({ name }: any) => name),
      ['pumps'],
    )
    assert.equal((await at.call('DELETE', '/templates/pumps')).status, 204)
    await fails('GET', '/templates/pumps', 'PROV_NO_TEMPLATE')
  })

  it('lets a CA have a template', async () => {
    await post('/templates', { name: 'pumps', body: document, kind: 'jitp' } as object)
    const [{ id }] = (await at.call('GET', '/cas')).body.items
    await fails('GET', `/cas/${id}/template`, 'NOT_FOUND')
    await fails('PUT', `/cas/${id}/template`, 'PROV_NO_TEMPLATE', { body: { template: 'none' } })
    await fails('PUT', '/cas/nobody/template', 'NOT_FOUND', { body: { template: 'pumps' } })
    assert.equal((await at.call('PUT', `/cas/${id}/template`, { body: { template: 'pumps' } })).status, 200)
    assert.deepEqual((await at.call('GET', `/cas/${id}/template`)).body, { template: 'pumps' })
    assert.equal((await at.call('DELETE', `/cas/${id}/template`)).status, 204)
    await fails('GET', `/cas/${id}/template`, 'NOT_FOUND')
  })

  it('makes claims, also for trusted users, and keeps the two apart', async () => {
    await post('/templates', { name: 'pumps', body: document })
    const made = await post('/claims', { id: 'batch-1', templates: ['pumps'], keyType: 'ec-p256', quota: 3 })
    assert.match(made.body.secrets.privateKeyPem, /PRIVATE KEY/)
    assert.equal(made.headers.get('cache-control'), 'no-store')
    const trusted = await post('/claims', { trusted: true, template: 'pumps', deviceId: 'pump-9', keyType: 'ec-p256' }, 'anna')
    assert.deepEqual([trusted.body.claim.kind, trusted.body.claim.deviceId], ['trusted-user', 'pump-9'])
    for (const [member, body] of [
      ['id', { templates: ['pumps'] }],
      ['template', { id: 'x', template: 'pumps' }],
      ['deviceId', { id: 'x', templates: ['pumps'], deviceId: 'pump-9' }],
      ['template', { trusted: true }],
      ['id', { trusted: true, id: 'x', template: 'pumps' }],
      ['quota', { trusted: true, template: 'pumps', quota: 2 }],
    ] as const)
      assert.equal((await fails('POST', '/claims', 'REQUEST_INVALID', { body })).position, `body.${member}`)
    const headers = { 'if-match': made.headers.get('etag')! }
    const off = await at.call('PATCH', '/claims/batch-1', { body: { enabled: false, quota: null }, headers })
    assert.deepEqual([off.body.enabled, off.body.quota], [false, undefined])
    await fails('PATCH', '/claims/batch-1', 'PROV_CONFLICT', { body: { enabled: true }, headers })
    const list = (await at.call('GET', '/claims')).body
    assert.deepEqual(list.items.map(({ kind }: any) => kind).sort(), ['claim', 'trusted-user'])
    assert.ok(!JSON.stringify([list, (await at.call('GET', '/claims/batch-1')).body]).includes('PRIVATE'))
    assert.equal((await at.call('DELETE', '/claims/batch-1')).status, 204)
    await fails('GET', '/claims/batch-1', 'PROV_NO_CLAIM')
  })

  it('keeps lists of those who may come', async () => {
    await post('/allow-lists', { name: 'line-7' })
    await fails('POST', '/allow-lists', 'PROV_EXISTS', { body: { name: 'line-7' } })
    const entries = [{ serial: 'a1' }, { serial: 'a2', batch: 'b' }, { serial: 'x*' }]
    assert.equal((await at.call('POST', '/allow-lists/line-7/entries', { body: { entries } })).body.added, 3)
    await fails('POST', '/allow-lists/line-7/entries', 'PROV_INVALID', { body: { entries: [{ serial: 'a b' }] } })
    const first = (await at.call('GET', '/allow-lists/line-7/entries?limit=1')).body
    const rest = (await at.call('GET', `/allow-lists/line-7/entries?cursor=${encodeURIComponent(first.next)}`)).body
    assert.deepEqual(
      [...first.items, ...rest.items].map(({ serial }: any) => serial),
      ['a1', 'a2'],
    )
    assert.equal((await at.call('GET', '/allow-lists')).body.items[0].patterns.length, 1)
    const removed = await at.call('DELETE', '/allow-lists/line-7/entries?serials=a1,a2,none')
    assert.deepEqual(removed.body, { removed: 2 })
    await fails('DELETE', '/allow-lists/line-7/entries', 'REQUEST_INVALID')
    assert.equal((await at.call('DELETE', '/allow-lists/line-7')).status, 204)
    await fails('GET', '/allow-lists/line-7/entries', 'NOT_FOUND')
  })

  it('lets in and refuses who waits, under the name of the person', async () => {
    await post('/templates', { name: 'pumps', body: document, keyType: 'ec-p256', approval: 'manual' })
    const { secrets, caPem } = (await post('/claims', { id: 'b', templates: ['pumps'], keyType: 'ec-p256' })).body
    const [{ port }] = (await at.call('GET', '/health')).body.listeners
    const client = await connectAsync(`mqtts://127.0.0.1:${port}`, {
      clientId: 'factory',
      ca: caPem,
      cert: secrets.certificatePem,
      key: secrets.privateKeyPem,
      protocolVersion: 4,
      reconnectPeriod: 0,
    })
    try {
      const heard: any[] = []
      client.on('message', (_, payload) => void heard.push(JSON.parse(payload.toString())))
      const asks = async (topic: string, payload: object) => {
        const before = heard.length
        await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })
        return until(() => heard[before], 30_000)
      }
      const provision = '$aws/provisioning-templates/pumps/provision/json'
      await client.subscribeAsync(['$aws/certificates/create/json/+', `${provision}/+`], { qos: 1 })
      const { certificateOwnershipToken } = await asks('$aws/certificates/create/json', {})
      const comes = (SerialNumber: string) => asks(provision, { certificateOwnershipToken, parameters: { SerialNumber } })
      const waiting = async () => (await at.call('GET', '/provisioning/pending')).body.items

      assert.equal((await comes('1')).errorCode, 'AccessDenied')
      const [one] = await waiting()
      assert.deepEqual([one.deviceId, one.kind], ['pump-1', 'claim'])
      const path = `/provisioning/pending/${encodeURIComponent(one.id)}`
      await fails('POST', `${path}/assign`, 'PROV_INVALID', { body: { verdict: { hub: 'a b' } } })
      for (const verdict of [{ deviceId: 'other' }, { policies: ['default'] }, { groups: ['g'] }, { hub: 'h' }])
        await fails('POST', `${path}/approve`, 'REQUEST_INVALID', { body: { verdict } })
      const verdict = { tags: { site: 'north' }, deviceConfiguration: { interval: '5' } }
      assert.equal((await at.call('POST', `${path}/approve`, { body: { verdict }, as: 'anna' })).status, 204)
      assert.deepEqual(await comes('1'), { thingName: 'pump-1', deviceConfiguration: { interval: '5' } })
      assert.deepEqual((await at.hub.devices.get({ id: 'pump-1' })).tags, { site: 'north' })

      const next = await asks('$aws/certificates/create/json', {})
      const other = { certificateOwnershipToken: next.certificateOwnershipToken, parameters: { SerialNumber: '2' } }
      await asks(provision, other)
      const [two] = await waiting()
      const deny = `/provisioning/pending/${encodeURIComponent(two.id)}/deny`
      assert.equal((await at.call('POST', deny, { as: 'anna' })).status, 204)
      assert.equal((await asks(provision, other)).errorCode, 'AccessDenied')
      await fails('POST', deny, 'NOT_FOUND')
      const actors = (await at.call('GET', '/audit')).body.items
        .filter(({ action }: any) => /^provisioning\.(approve|deny)$/.test(action))
        .map(({ actor }: any) => actor)
      assert.deepEqual(actors, ['user anna', 'user anna'])
    } finally {
      await client.endAsync(true)
    }
  })

  it('has the document that devices start from', async () => {
    const { body } = await at.call('GET', '/bootstrap')
    assert.deepEqual([body.v, body.endpoints.length > 0], [1, true])
    assert.match(body.cas[0], /BEGIN CERTIFICATE/)
  })

  it('sets what devices start from, and takes out what none needs any more', async () => {
    const { headers } = await at.call('GET', '/bootstrap')
    const ifMatch = { 'if-match': headers.get('etag')! }
    const change = { intervals: { telemetryMs: 60_000, old: 1 }, configuration: { site: { name: 'north' } } }
    const set = await at.call('PATCH', '/bootstrap', { body: change, headers: ifMatch })
    assert.deepEqual([set.status, set.body.intervals, set.body.configuration], [200, change.intervals, change.configuration])
    await fails('PATCH', '/bootstrap', 'PROV_CONFLICT', { body: { intervals: { a: 1 } }, headers: ifMatch })
    await fails('PATCH', '/bootstrap', 'REQUEST_INVALID', { body: { intervals: { a: 'soon' } } })
    await fails('PATCH', '/bootstrap', 'PROV_INVALID', { body: { intervals: { a: -1 } } })
    await fails('PATCH', '/bootstrap', 'REQUEST_INVALID', { body: { endpoints: [] } })
    const gone = { intervals: ['old'], configuration: ['site'], cas: set.body.cas, endpoints: set.body.endpoints }
    const pruned = await at.call('POST', '/bootstrap/prune', {
      body: gone,
      headers: { 'if-match': set.headers.get('etag')! },
      as: 'anna',
    })
    assert.deepEqual([pruned.status, pruned.body.intervals, pruned.body.configuration], [200, { telemetryMs: 60_000 }, {}])
    assert.deepEqual([pruned.body.cas, pruned.body.endpoints], [set.body.cas, set.body.endpoints])
    await fails('POST', '/bootstrap/prune', 'REQUEST_INVALID', { body: { v: 1 } })
  })

  it('makes pairing codes, shown once, and lists and ends them', async () => {
    await post('/templates', { name: 'pumps', body: document })
    const made = await post('/pairing-codes', { deviceId: 'lamp-1' }, 'anna')
    const { code, pairing } = made.body
    assert.match(code, /^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/)
    assert.equal(made.headers.get('cache-control'), 'no-store')
    await post('/pairing-codes', { template: 'pumps', parameters: { SerialNumber: '1' } })
    await fails('POST', '/pairing-codes', 'PROV_INVALID', { body: {} })
    await fails('POST', '/pairing-codes', 'REQUEST_INVALID', { body: { deviceId: 'a', code: 'ABCD-EFGH' } })
    const list = (await at.call('GET', '/pairing-codes')).body
    assert.deepEqual([list.items.length, list.items.map(({ state }: any) => state)], [2, ['open', 'open']])
    assert.equal((await at.call('DELETE', `/pairing-codes/${pairing.id}`)).status, 204)
    await fails('DELETE', '/pairing-codes/nobody', 'NOT_FOUND')
    const after = (await at.call('GET', '/pairing-codes')).body
    assert.equal(after.items.find(({ id }: any) => id === pairing.id).state, 'revoked')
    const audit = (await at.call('GET', '/audit')).body
    const shown = JSON.stringify([list, after, audit])
    assert.ok(!shown.includes(code) && !shown.includes(code.replace('-', '')))
    assert.match(shown, /pairing\.create/)
  })
})
