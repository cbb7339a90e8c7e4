// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of actions
import assert from 'node:assert/strict'
import { resourceOf } from '../../../src/routing/action/action.ts'
import { compileRepublish, compileWebhook, type WebhookTemplate } from '../../../src/routing/action/template.ts'

const message = { topic: 'dt/pump-1/x', payload: { t: 21, site: 'a b/c', up: '..', text: 'say "hi"' }, clientId: 'pump-1' }
const secretOf = (id: string) => ({ path: 'T00/B00/xyz', key: 'k3y' })[id]
const webhook: WebhookTemplate = { url: 'https://example.com/in', method: 'POST', headers: [], body: '' }
const text = (body: Uint8Array | null | undefined) => new TextDecoder().decode(body!)

describe('templates of a webhook', () => {
  const made = (o: Partial<WebhookTemplate>) => compileWebhook({ ...webhook, ...o }, { secretOf })(message)

  it('fill address, headers and body', () => {
    const { url, headers, body, method } = made({
      url: 'https://example.com:8443/things/${clientid()}?t=${t}',
      headers: [{ name: 'x-topic', value: '${topic(2)}!' }],
      body: '{"v": ${t}, "cost": "$${5}"}',
    })
    assert.deepEqual([method, url, headers], ['POST', 'https://example.com:8443/things/pump-1?t=21', { 'x-topic': 'pump-1!' }])
    assert.equal(text(body), '{"v": 21, "cost": "${5}"}')
  })

  it('send the payload as it is without a body, and none at all with GET and DELETE', () => {
    assert.equal(made({}).body, undefined)
    assert.equal(made({ method: 'GET', body: 'x' }).body, null)
    assert.equal(made({ method: 'DELETE' }).body, null)
  })

  it('take each expression that is as long as a template may be', () => {
    assert.equal(text(made({ body: `\${concat(${'t,'.repeat(7_000)}'')}` }).body), '21'.repeat(7_000))
  })

  it('encode what a message puts into the address, so that it stays one part of it', () => {
    assert.equal(made({ url: 'https://example.com/${site}?q=${text}' }).url, 'https://example.com/a%20b%2Fc?q=say%20%22hi%22')
    assert.throws(() => made({ url: 'https://example.com/a/${up}/b' }), { code: 'ROUTE_TEMPLATE' })
  })

  it('never let a message choose the host', () => {
    for (const url of [
      'https://${clientid()}/x',
      'https://example.com${site}',
      'https://a.${site}.com/',
      '${site}',
      'ftp://example.com/',
      'file:///etc/x',
      'https://user:pw@example.com/',
      'https://example.com\\${site}',
      '/x',
      '',
    ])
      assert.throws(() => made({ url }), { code: 'NODE_CONFIG' }, url)
    assert.equal(new URL(made({ url: 'https://example.com?x=${site}' }).url).host, 'example.com')
  })

  it('take secrets as they are, and tell a missing one by its id', () => {
    assert.equal(made({ url: "https://example.com/${get_secret('path')}" }).url, 'https://example.com/T00/B00/xyz')
    assert.deepEqual(made({ headers: [{ name: 'x-key', value: "id ${get_secret('key')}" }] }).headers, { 'x-key': 'id k3y' })
    assert.throws(() => made({ body: "${get_secret('none')}" }), { code: 'ROUTE_TEMPLATE', message: /none/ })
  })

  it('know no other function that somebody outside answers, and no secret inside an expression', () => {
    for (const body of ["${lookup('a', 'b')}", "${concat('x', get_secret('key'))}"])
      assert.throws(() => made({ body }), { code: 'RULE_UNSUPPORTED' }, body)
    assert.throws(() => made({ body: '${(' }), { code: 'RULE_SYNTAX' })
  })

  it('have nothing for what has no value', () => {
    const { url, headers, body } = made({
      url: 'https://example.com/alarms/${nobody}',
      headers: [{ name: 'x-site', value: '${nobody}' }],
      body: '[${nobody}]',
    })
    assert.deepEqual([url, headers, text(body)], ['https://example.com/alarms/', { 'x-site': '' }, '[]'])
  })

  it('refuse methods and header names that are none, and values that no header takes', () => {
    assert.throws(() => made({ method: 'BREW' }), { code: 'NODE_CONFIG' })
    assert.throws(() => made({ headers: [{ name: 'a b', value: 'x' }] }), { code: 'NODE_CONFIG' })
    assert.throws(() => made({ headers: [{ name: 'x', value: 'a\r\nhost: evil' }] }), { code: 'ROUTE_TEMPLATE' })
    assert.deepEqual(made({ headers: [{ name: '', value: '' }] }).headers, {})
  })

  it('show no more of an address than its host', () => {
    const { url } = made({ url: "https://example.com/${get_secret('path')}?key=1" })
    assert.equal(resourceOf({ kind: 'webhook', url, method: 'POST', headers: {} }), 'https://example.com')
  })
})

describe('templates of a republish', () => {
  const republish = { topic: 'alarms/${topic(2)}', qos: 0 as const, properties: [{ name: 'site', value: '${site}' }], body: '' }

  it('fill topic and properties', () => {
    const { topic, properties, body } = compileRepublish(republish)(message)
    assert.deepEqual([topic, properties, body], ['alarms/pump-1', { site: 'a b/c' }, undefined])
    assert.equal(text(compileRepublish({ ...republish, body: 't=${t}' })(message).body), 't=21')
  })

  it('fail where a part of the topic has no value, or no topic is given', () => {
    assert.throws(() => compileRepublish({ ...republish, topic: 'devices/${nobody}/x' })(message), { code: 'ROUTE_TEMPLATE' })
    const empty = { ...message, payload: { a: null, b: '' } }
    for (const part of ['a', 'b'])
      assert.throws(() => compileRepublish({ ...republish, topic: `x/\${${part}}` })(empty), { code: 'ROUTE_TEMPLATE' }, part)
    assert.deepEqual(compileRepublish(republish)(empty).properties, { site: '' })
    assert.throws(() => compileRepublish({ ...republish, topic: ' ' }), { code: 'NODE_CONFIG' })
  })
})
