import assert from 'node:assert/strict'
import type { LoomError } from '../../src/errors.ts'
import { addressBytes, isWithin, networkOf } from '../../src/identity/policy-address.ts'
import { readPolicy } from '../../src/identity/policy-document.ts'
import { operators } from '../../src/identity/policy-operators.ts'
import type { AccessContext } from '../../src/identity/policy-variables.ts'
import { accessOf, allow, deny, documentOf, noon } from './policy-make.ts'

const context: AccessContext = {
  deviceId: 'pump',
  clientId: 'pump-sub',
  sourceIp: '192.0.2.7',
  model: 'M1',
  tags: { line: 'A', level: 7, since: '2026-03-01T00:00:00Z', empty: '' },
  connectAttributes: ['PersistentConnect', 'LastWill'],
}

/** Whether an Allow with that condition matches. */
const holds = (condition: object, of: AccessContext = context, now = noon): boolean =>
  accessOf([documentOf(allow('topic/a', 'iot:Publish', condition))], of, () => now).decide('Publish', 'a') === 'allow'

/** Whether a Deny with that condition matches. */
const denies = (condition: object, of: AccessContext = context): boolean =>
  accessOf([documentOf(allow('*'), deny('topic/a', 'iot:Publish', condition))], of).decide('Publish', 'a') === 'deny'

function refused(condition: unknown, message: RegExp, mark?: string): void {
  const text = documentOf({ ...allow('topic/a'), Condition: condition })
  assert.throws(
    () => readPolicy(text),
    (error: LoomError) => {
      assert.equal(error.code, 'POLICY_INVALID')
      assert.match(error.message, message)
      assert.match(error.message, /Statement\[0\]\.Condition/)
      if (mark) assert.equal(error.position, text.indexOf(mark), error.message)
      return true
    },
  )
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
describe('policy conditions', () => {
  it('texts are compared by case, without it, or with wildcards', () => {
    const cases: [operator: string, expected: string, holds: boolean][] = [
      ['StringEquals', 'A', true],
      ['StringEquals', 'a', false],
      ['StringEquals', '*', false],
      ['StringNotEquals', 'B', true],
      ['StringNotEquals', 'A', false],
      ['StringEqualsIgnoreCase', 'a', true],
      ['StringNotEqualsIgnoreCase', 'a', false],
      ['StringLike', '?', true],
      ['StringLike', '*A*', true],
      ['StringLike', 'B*', false],
      ['StringLike', '${*}', false],
      ['StringNotLike', 'A*', false],
      ['StringNotLike', 'B*', true],
    ]
    for (const [operator, expected, result] of cases)
      assert.equal(holds({ [operator]: { 'tag.line': expected } }), result, `${operator} ${expected}`)
  })

  it('values are alternatives, keys and operators must all hold', () => {
    assert.ok(holds({ StringEquals: { 'tag.line': ['B', 'A'] } }))
    assert.ok(!holds({ StringEquals: { 'tag.line': ['B', 'C'] } }))
    assert.ok(!holds({ StringNotEquals: { 'tag.line': ['B', 'A'] } }))
    assert.ok(holds({ StringEquals: { 'tag.line': 'A', 'device.model': 'M1' } }))
    assert.ok(!holds({ StringEquals: { 'tag.line': 'A', 'device.model': 'M2' } }))
    assert.ok(!holds({ StringEquals: { 'tag.line': 'A' }, Bool: { 'iot:Connection.Thing.IsAttached': 'false' } }))
    assert.ok(holds({ StringEquals: { 'tag.line': 'A' }, Bool: { 'iot:Connection.Thing.IsAttached': true } }))
  })

  it('numbers, also as JSON numbers', () => {
    const cases: [operator: string, expected: unknown, holds: boolean][] = [
      ['NumericEquals', '7.0', true],
      ['NumericEquals', 7, true],
      ['NumericNotEquals', 7, false],
      ['NumericLessThan', 7, false],
      ['NumericLessThanEquals', '7', true],
      ['NumericGreaterThan', '6.9', true],
      ['NumericGreaterThanEquals', '7.1', false],
    ]
    for (const [operator, expected, result] of cases)
      assert.equal(holds({ [operator]: { 'tag.level': expected } }), result, `${operator} ${String(expected)}`)
    assert.ok(!holds({ NumericLessThan: { 'tag.line': 5 } }))
  })

  it('dates of tags, and the time as it passes', () => {
    assert.ok(holds({ DateLessThan: { 'tag.since': '2026-03-01T01:00:01+01:00' } }))
    assert.ok(!holds({ DateLessThan: { 'tag.since': '2026-03-01' } }))
    assert.ok(holds({ DateEquals: { 'tag.since': 1772323200 } }))
    const until = { DateLessThan: { 'aws:CurrentTime': '2026-05-01T12:00:01Z' } }
    let now = noon
    const access = accessOf([documentOf(allow('topic/a/*/b', 'iot:Publish', until), allow('topic/c'))], context, () => now)
    assert.equal(access.decide('Publish', 'a/1/b'), 'allow')
    now += 1000
    assert.equal(access.decide('Publish', 'a/1/b'), 'none')
    assert.equal(access.decide('Publish', 'c'), 'allow')
    now -= 1000
    assert.equal(access.decide('Publish', 'a/1/b'), 'allow')
  })

  it('a Deny for a time comes and goes, and a standing Deny stays', () => {
    const window = {
      DateGreaterThanEquals: { 'iot:CurrentTime': new Date(noon).toISOString() },
      NumericLessThan: { 'aws:EpochTime': noon / 1000 + 60 },
    }
    let now = noon - 1
    const text = documentOf(allow('*'), deny('topic/a*', 'iot:Publish', window), deny('topic/ab'))
    const access = accessOf([text], context, () => now)
    const both = () => [access.decide('Publish', 'a'), access.decide('Publish', 'ab')]
    assert.deepEqual(both(), ['allow', 'deny'])
    now = noon
    assert.deepEqual(both(), ['deny', 'deny'])
    now = noon + 60_000
    assert.deepEqual(both(), ['allow', 'deny'])
  })

  it('of two statements for the same time the Deny counts, in either order', () => {
    const always = { DateGreaterThan: { 'aws:CurrentTime': '2000-01-01' } }
    const [yes, no] = [allow('topic/a', 'iot:Publish', always), deny('topic/a', 'iot:Publish', always)]
    for (const statements of [
      [yes, no],
      [no, yes],
    ])
      assert.equal(accessOf([documentOf(...statements)]).decide('Publish', 'a'), 'deny')
  })

  it('addresses of both kinds, and one within the other', () => {
    assert.ok(holds({ IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }))
    assert.ok(!holds({ NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.0.2.7'] } }))
    assert.ok(holds({ NotIpAddress: { 'iot:SourceIp': ['10.0.0.0/8', '192.0.3.0/24'] } }))
    assert.ok(holds({ IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }, { sourceIp: '::ffff:192.0.2.99' }))
    assert.ok(holds({ IpAddress: { 'aws:SourceIp': '2001:db8::/33' } }, { sourceIp: '2001:db8:7fff::1' }))
    assert.ok(!holds({ IpAddress: { 'aws:SourceIp': '2001:db8::/33' } }, { sourceIp: '2001:db8:8000::1' }))
    assert.ok(!holds({ IpAddress: { 'aws:SourceIp': '::/0' } }, { sourceIp: 'unknown' }))
    assert.ok(!holds({ IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }, { sourceIp: '2001:db8::1' }))
  })

  it('reads addresses as RFC 4291 writes them, and nothing else', () => {
    const hex = (text: string) => addressBytes(text) && Buffer.from(addressBytes(text)!).toString('hex')
    assert.equal(hex('::'), '0'.repeat(32))
    assert.equal(hex('::1'), `${'0'.repeat(31)}1`)
    assert.equal(hex('fe80::1%eth0'), `fe80${'0'.repeat(27)}1`)
    assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008')
    assert.equal(hex('::ffff:1.2.3.4'), hex('1.2.3.4'))
    assert.equal(hex('2001:db8::10.0.0.1'), `20010db8${'0'.repeat(16)}0a000001`)
    const wrong = [
      '',
      '1.2.3',
      '1.2.3.256',
      '1.2.3.4.5',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      'g::',
      '1:2:3:4:5:6:7::8',
      '1.2.3.4::',
      'a'.repeat(100),
    ]
    for (const text of wrong) assert.equal(addressBytes(text), undefined, text)
    for (const text of ['1.2.3.4/33', '::/129', '1.2.3.4/', '1.2.3.4/-1', '1.2.3.4/8/8', '/8'])
      assert.equal(networkOf(text), undefined, text)
    for (let bits = 0; bits <= 32; bits++) {
      const network = networkOf(`255.255.255.255/${bits}`)!
      const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
      const dotted = [mask >>> 24, (mask >>> 16) & 255, (mask >>> 8) & 255, mask & 255].join('.')
      assert.ok(isWithin(addressBytes(dotted)!, network), dotted)
      if (bits) assert.ok(!isWithin(addressBytes('127.0.0.0')!, network))
    }
  })

  it('a missing key is no match, a match for a negated operator, and as good as a match with IfExists', () => {
    for (const name of ['tag.none', 'gateway.id', 'iot:Certificate.Subject.CommonName']) {
      assert.ok(!holds({ StringEquals: { [name]: 'x' } }), name)
      assert.ok(holds({ StringNotEquals: { [name]: 'x' } }), name)
      assert.ok(holds({ StringEqualsIfExists: { [name]: 'x' } }), name)
      assert.ok(!denies({ StringEquals: { [name]: 'x' } }), name)
      assert.ok(denies({ StringNotEquals: { [name]: 'x' } }), name)
    }
    assert.ok(!holds({ StringEqualsIfExists: { 'tag.line': 'x' } }))
    // members of every object are no attributes
    const bare = { attributes: {}, tags: {} }
    for (const name of ['toString', 'constructor', '__proto__']) {
      assert.ok(!holds({ StringLike: { [`iot:Connection.Thing.Attributes[${name}]`]: '*' } }, bare), name)
      assert.ok(!holds({ StringLike: { [`tag.${name}`]: '*' } }, bare), name)
    }
  })

  it('keys with several values: all of them, or any', () => {
    const attributes = 'iot:ConnectAttributes'
    const both = ['PersistentConnect', 'LastWill']
    assert.ok(holds({ 'ForAllValues:StringEquals': { [attributes]: both } }))
    assert.ok(!holds({ 'ForAllValues:StringEquals': { [attributes]: ['LastWill'] } }))
    assert.ok(holds({ 'ForAllValues:StringEquals': { [attributes]: ['LastWill'] } }, { connectAttributes: [] }))
    assert.ok(holds({ 'ForAnyValue:StringEquals': { [attributes]: ['LastWill'] } }))
    assert.ok(!holds({ 'ForAnyValue:StringEquals': { [attributes]: ['x'] } }))
    assert.ok(!holds({ 'ForAnyValue:StringEquals': { [attributes]: ['LastWill'] } }, { connectAttributes: [] }))
    assert.ok(!holds({ 'ForAllValues:StringNotEquals': { [attributes]: ['LastWill'] } }))
    assert.ok(holds({ 'ForAnyValue:StringNotEquals': { [attributes]: ['LastWill'] } }))
  })

  it('a value may hold variables; one that does not resolve or holds wildcards is never to the good of the device', () => {
    assert.ok(holds({ StringLike: { 'iot:ClientId': '${iot:Connection.Thing.ThingName}-*' } }))
    assert.ok(
      !holds({ StringLike: { 'iot:ClientId': '${iot:Connection.Thing.ThingName}-*' } }, { deviceId: '*', clientId: 'x-y' }),
    )
    assert.ok(!holds({ StringEquals: { 'iot:ClientId': '${tag.none}' } }))
    assert.ok(!holds({ StringNotEquals: { 'iot:ClientId': '${tag.none}' } }))
    assert.ok(holds({ StringEquals: { 'iot:ClientId': ['${tag.none}', 'pump-sub'] } }))
    assert.ok(denies({ StringEquals: { 'iot:ClientId': '${tag.none}' } }))
    assert.ok(denies({ StringNotEquals: { 'iot:ClientId': ['pump-sub', '${tag.none}'] } }))
  })

  it('unknown operators, keys and values are refused at their place', () => {
    refused('x', /Condition is an object/, '"x"')
    refused({ StringMatches: {} }, /"StringMatches" is not known.*StringEquals/, '"StringMatches"')
    refused({ 'ForSomeValues:StringEquals': {} }, /not known/)
    refused({ StringEquals: 'x' }, /takes an object of keys/, '"x"')
    refused({ StringEquals: { 'aws:username': 'x' } }, /"aws:username" is not known.*iot:ClientId/, '"aws:username"')
    refused({ StringEquals: { 'device.id': [] } }, /has no value/, '[]')
    refused({ StringEquals: { 'device.id': [['x']] } }, /a text, number or boolean/)
    refused({ StringEquals: { 'device.id': null } }, /a text, number or boolean/, 'null')
    refused(
      { StringEquals: { 'device.id': ['a', '${nope}'] } },
      /Condition\.StringEquals\.device\.id\[1\].*"nope" is not known/,
      '${nope',
    )
    refused({ StringEquals: { 'device.id': '${site' } }, /not closed/, '${site')
    refused({ Bool: { 'tag.a': 'yes' } }, /"yes" is no value for Bool \(it is true or false\)/, '"yes"')
    refused({ NumericLessThan: { 'tag.a': '1 kg' } }, /no value for NumericLessThan/)
    refused({ NumericLessThan: { 'tag.a': '' } }, /no value/)
    refused({ DateLessThan: { 'tag.a': '2026-03-01T00:00' } }, /ISO 8601 with zone/)
    refused({ DateLessThan: { 'tag.a': '2026-13-01' } }, /ISO 8601/)
    refused({ IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } }, /an address or network/)
    refused({ IpAddress: { 'aws:SourceIp': '${tag.net}' } }, /takes no variables/)
    refused({ StringEquals: { 'aws:CurrentTime': 'x' } }, /takes a Date operator/, '"aws:CurrentTime"')
    refused({ NumericLessThan: { 'aws:CurrentTime': '1' } }, /takes a Date operator/)
  })

  it('offers the operators it names', () => {
    const named = [
      ...['StringEquals', 'StringNotEquals', 'StringLike', 'Bool', 'IpAddress', 'NotIpAddress'],
      ...['Numeric', 'Date'].flatMap(type =>
        ['LessThan', 'LessThanEquals', 'GreaterThan', 'GreaterThanEquals'].map(name => type + name),
      ),
    ]
    assert.deepEqual(
      named.filter(name => !operators.has(name)),
      [],
    )
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
