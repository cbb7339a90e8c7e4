import assert from 'node:assert/strict'
import { type RealHub, realHub } from './real-hub.ts'

const allow = (topic: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: `arn:aws:iot:eu-west-1:123456789012:topic/${topic}` }],
})

describe('admin API: policies, groups and audit', function () {
  this.timeout(30_000)
  let at: RealHub
  beforeEach(async () => {
    at = await realHub()
    for (const id of ['p1', 'p2', 'p3']) await at.hub.devices.register({ id })
  })
  afterEach(() => at.close())
  const fails = async (method: string, path: string, code: string, o: Parameters<RealHub['call']>[2] = {}) => {
    const { status, body } = await at.call(method, path, o)
    assert.equal(body.error?.code, code, `${method} ${path}: ${status}`)
    return body.error
  }

  it('takes a policy through its life, under its etag', async () => {
    const made = await at.call('POST', '/policies', { body: { id: 'lab', document: allow('lab/x'), description: 'Lab' } })
    assert.deepEqual([made.status, made.body.id, made.body.description], [201, 'lab', 'Lab'])
    const tag = made.headers.get('etag')!
    await fails('POST', '/policies', 'POLICY_EXISTS', { body: { id: 'lab', document: allow('lab/x') } })
    const changed = await at.call('PUT', '/policies/lab', {
      body: { text: JSON.stringify(allow('lab/y')) },
      headers: { 'if-match': tag },
    })
    assert.match(changed.body.text, /lab\/y/)
    await fails('PUT', '/policies/lab', 'POLICY_CONFLICT', { body: { description: 'late' }, headers: { 'if-match': tag } })
    assert.equal((await at.call('GET', '/policies/lab')).headers.get('etag'), changed.headers.get('etag'))
    const ids = (await at.call('GET', '/policies?prefix=la')).body.items.map(({ id }: any) => id)
    assert.deepEqual(ids, ['lab'])
    assert.equal((await at.call('DELETE', '/policies/lab')).status, 204)
    await fails('GET', '/policies/lab', 'POLICY_NOT_FOUND')
  })

  it('points at what is wrong in a document', async () => {
    const text = JSON.stringify(allow('lab/${iot:Thing'))
    const error = await fails('POST', '/policies', 'POLICY_INVALID', { body: { id: 'bad', text } })
    assert.ok(error.position !== undefined, JSON.stringify(error))
    await fails('POST', '/policies', 'REQUEST_INVALID', { body: { id: 'none' } })
    await fails('POST', '/policies', 'REQUEST_INVALID', { body: { id: 'both', text: '{}', document: {} } })
    await fails('POST', '/policies', 'REQUEST_INVALID', { body: { id: 'who-may', document: allow('x') } })
  })

  it('checks a document that nobody keeps', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    const body = { document: allow('lab/${device.id}') }
    assert.deepEqual((await at.call('POST', '/policies/check', { body })).body, { statements: 1, variables: ['device.id'] })
    const text = JSON.stringify(allow('lab/x'), null, 2).replace('Publish', 'Plublish')
    const error = await fails('POST', '/policies/check', 'POLICY_INVALID', { body: { text } })
    assert.equal(error.position, text.indexOf('"iot:Plublish'))
    await fails('POST', '/policies/check', 'REQUEST_INVALID', { body: {} })
    const ids = (await at.call('GET', '/policies')).body.items.map(({ id }: any) => id)
    assert.deepEqual(ids, ['default'])
  })

  it('attaches and detaches, by device, group, certificate or the hub', async () => {
    await at.call('POST', '/policies', { body: { id: 'lab', document: allow('lab/x') } })
    await at.call('POST', '/groups', { body: { id: 'g' } })
    const certificate = 'a'.repeat(64)
    for (const body of [{ device: 'p1' }, { group: 'g' }, { certificate }, { hub: true }])
      assert.equal((await at.call('POST', '/policies/lab/attachments', { body })).status, 204, JSON.stringify(body))
    const { items } = (await at.call('GET', '/policies/lab/attachments')).body
    assert.equal(items.length, 4)
    for (const query of ['device=p1', 'group=g', `certificate=${certificate}`, 'all=true']) {
      const attached = (await at.call('GET', `/policies/attached?${query}`)).body.items
      assert.ok(attached.includes('lab'), query)
      assert.equal((await at.call('DELETE', `/policies/lab/attachments?${query}`)).status, 204)
    }
    assert.deepEqual((await at.call('GET', '/policies/lab/attachments')).body.items, [])
    await fails('POST', '/policies/lab/attachments', 'REQUEST_INVALID', { body: {} })
    await fails('POST', '/policies/lab/attachments', 'REQUEST_INVALID', { body: { device: 'p1', group: 'g' } })
    await fails('POST', '/policies/none/attachments', 'POLICY_NOT_FOUND', { body: { device: 'p1' } })
    await fails('GET', '/policies/none/attachments', 'POLICY_NOT_FOUND')
  })

  it('says what policies would say, and of whom', async () => {
    await at.call('POST', '/policies', { body: { id: 'lab', document: allow('lab/x') } })
    await at.call('POST', '/policies/lab/attachments', { body: { device: 'p2' } })
    const ask = (body: object) => at.call('POST', '/policies/test', { body: { action: 'iot:Publish', topic: 'lab/x', ...body } })
    assert.notEqual((await ask({ device: 'p1' })).body.verdict, 'allow')
    const { verdict, statement } = (await ask({ device: 'p2' })).body
    assert.deepEqual([verdict, statement.policyId], ['allow', 'lab'])
    assert.equal((await ask({ device: 'p1', document: allow('lab/x') })).body.verdict, 'allow')
    await fails('POST', '/policies/test', 'IDENTITY_NOT_FOUND', { body: { device: 'nobody', action: 'iot:Publish', topic: 'x' } })
    await fails('POST', '/policies/test', 'POLICY_INVALID', {
      body: { device: 'p1', action: 'iot:Publish', topic: 'x', text: '{' },
    })
    const may = (await at.call('GET', '/policies/who-may?action=iot:Publish&topic=lab/x')).body
    assert.deepEqual(
      may.items.map(({ id }: any) => id),
      ['p2'],
    )
    await fails('GET', '/policies/who-may', 'REQUEST_INVALID')
  })

  it('reads and sets whether reserved topics need an Allow', async () => {
    assert.deepEqual((await at.call('GET', '/policies/strict')).body, { strict: false })
    assert.deepEqual((await at.call('PUT', '/policies/strict', { body: { strict: true } })).body, { strict: true })
    assert.deepEqual((await at.call('GET', '/policies/strict')).body, { strict: true })
  })

  it('takes groups through their life', async () => {
    const made = await at.call('POST', '/groups', { body: { id: 'plant', description: 'All' } })
    assert.deepEqual([made.status, made.body.id], [201, 'plant'])
    await at.call('POST', '/groups', { body: { id: 'hall', parent: 'plant' } })
    const ids = async (query: string) => (await at.call('GET', `/groups?${query}`)).body.items.map(({ id }: any) => id)
    assert.deepEqual(await ids('top=true'), ['plant'])
    assert.deepEqual(await ids('parent=plant'), ['hall'])
    assert.deepEqual(await ids('prefix=h'), ['hall'])
    const first = await at.call('GET', '/groups?limit=1')
    assert.equal((await at.call('GET', `/groups?limit=1&cursor=${encodeURIComponent(first.body.next)}`)).body.items.length, 1)
    const tag = (await at.call('GET', '/groups/hall')).headers.get('etag')!
    const moved = await at.call('PATCH', '/groups/hall', { body: { parent: null }, headers: { 'if-match': tag } })
    assert.deepEqual([moved.status, moved.body.parent], [200, undefined])
    await fails('PATCH', '/groups/hall', 'GROUP_CONFLICT', { body: { parent: 'plant' }, headers: { 'if-match': tag } })
    await fails('PATCH', '/groups/hall', 'REQUEST_INVALID', { body: { parent: 7 } })
    await fails('GET', '/groups/none', 'GROUP_NOT_FOUND')
    assert.equal((await at.call('DELETE', '/groups/hall')).status, 204)
  })

  it('puts devices into groups, pages them and takes them out', async () => {
    await at.call('POST', '/groups', { body: { id: 'plant' } })
    await at.call('POST', '/groups', { body: { id: 'hall', parent: 'plant' } })
    const added = await at.call('POST', '/groups/hall/members', { body: { devices: ['p1', 'p2'] } })
    assert.deepEqual(added.body, { added: 2 })
    await at.call('POST', '/groups/plant/members', { body: { devices: ['p3'] } })
    const members = async (query: string) => (await at.call('GET', `/groups/plant/members?${query}`)).body
    assert.deepEqual((await members('')).items, ['p3'])
    assert.deepEqual((await members('deep=true')).items.toSorted(), ['p1', 'p2', 'p3'])
    const page = await members('deep=true&limit=2')
    assert.deepEqual([page.items.length, (await members(`deep=true&limit=2&cursor=${page.next}`)).items.length], [2, 1])
    const of = (await at.call('GET', '/devices/p1/groups')).body
    assert.deepEqual([of.direct, of.all.toSorted()], [['hall'], ['hall', 'plant']])
    await fails('GET', '/devices/none/groups', 'IDENTITY_NOT_FOUND')
    await fails('POST', '/groups/hall/members', 'IDENTITY_NOT_FOUND', { body: { devices: ['nobody'] } })
    await fails('DELETE', '/groups/hall', 'GROUP_NOT_EMPTY')
    await fails('DELETE', '/groups/hall/members', 'REQUEST_INVALID')
    assert.deepEqual((await at.call('DELETE', '/groups/hall/members?devices=p1,p3')).body, { removed: 1 })
    assert.equal((await at.call('DELETE', '/groups/hall?force=true')).status, 204)
  })

  it('pages the audit log, newest first, by actor, action, target and time', async () => {
    await at.call('POST', '/groups', { body: { id: 'g' }, as: 'anna' })
    await at.call('POST', '/groups/g/members', { body: { devices: ['p1'] }, as: 'anna' })
    const page = (await at.call('GET', `/audit?actor=${encodeURIComponent('user anna')}&limit=1`)).body
    assert.deepEqual([page.items.length, page.items[0].action], [1, 'group.add'])
    const next = (await at.call('GET', `/audit?actor=user%20anna&limit=1&cursor=${encodeURIComponent(page.next)}`)).body
    assert.equal(next.items[0].action, 'group.create')
    assert.equal((await at.call('GET', '/audit?action=device.create&target=p2')).body.items.length, 1)
    assert.deepEqual((await at.call('GET', '/audit?from=1&to=2')).body.items, [])
  })

  it('checks the chain, also against a checkpoint that was kept', async () => {
    const { body } = await at.call('POST', '/audit/verify')
    assert.deepEqual([body.ok, body.checked], [true, body.head])
    const { items } = (await at.call('GET', '/audit/checkpoints?limit=5')).body
    assert.ok(Array.isArray(items))
    const forged = { seq: 1, hash: 'f'.repeat(64), time: 1, sig: '0'.repeat(64) }
    await fails('POST', '/audit/verify', 'AUDIT_BROKEN', { body: { upTo: forged } })
    await fails('POST', '/audit/verify', 'REQUEST_INVALID', { body: { upTo: { seq: 1 } } })
    await fails('POST', '/audit/accept', 'OPERATION_STATE')
  })

  it('erases the details about a target from the audit log, which stays whole', async () => {
    await at.call('POST', '/devices', { body: { id: 'ann-1', tags: { owner: 'Ann' } } })
    const found = async () => (await at.call('GET', '/audit?target=ann-1')).body.items
    assert.deepEqual((await found())[0].detail.tags, { owner: 'Ann' })
    const { status, body } = await at.call('POST', '/audit/erase', { body: { target: 'ann-1' } })
    assert.deepEqual([status, body], [200, { erased: 1 }])
    const [erasure, creation] = await found()
    assert.deepEqual([erasure.action, erasure.actor, creation.detail], ['audit.eraseDetails', creation.actor, undefined])
    assert.equal((await at.call('POST', '/audit/verify')).body.ok, true)
    await fails('POST', '/audit/erase', 'REQUEST_INVALID', { body: {} })
  })
})
