import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { callKey } from '../../src/routing/functions/external-functions.ts'
import type { HashName } from '../../src/routing/rule-function.ts'
import { call, describeExamples, ports } from './call-function.ts'

const _ = undefined
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const polluted = JSON.parse('{"__proto__":{"admin":true},"a":1}')

describeExamples('functions of any value', [
  ['isnull', [null], true],
  ['isnull', [_], false],
  ['isnull', [0], false],
  ['isnull', ['null'], false],
  ['isundefined', [_], true],
  ['isundefined', [null], false],
  ['isundefined', [false], false],
  ['nanvl', [_, 1], 1],
  ['nanvl', [null, 1], 1],
  ['nanvl', [Number.NaN, 1], 1],
  ['nanvl', ['NaN', 1], 'NaN'],
  ['nanvl', [8, 1], 8],
  ['nanvl', [false, 1], false],
  ['nanvl', [_, _], _],
  ['get_or_default', [_, 'a'], 'a'],
  ['get_or_default', [null, 'a'], 'a'],
  ['get_or_default', [0, 'a'], 0],
  ['get_or_default', ['', 'a'], ''],
  ['get_or_default', [null], _],
  ['get_or_default', [7], 7],
  ['get', [['a', 'b'], 1], 'b'],
  ['get', [{ a: 'b' }, 'a'], 'b'],
  ['get', ['abc', 0], 'a'],
  ['get', [{ 1: 'b' }, 1], _],
  ['get', [['a'], -1], _],
  ['get', [polluted, '__proto__'], { admin: true }],
  ['get', [{}, '__proto__'], _],
  ['get', [{}, 'constructor'], _],
  [
    'transform',
    ['enrichArray', { device: 'd' }, [{ t: 1 }, { t: 2 }]],
    [
      { t: 1, device: 'd' },
      { t: 2, device: 'd' },
    ],
  ],
  ['transform', ['enrichArray', { t: 9 }, [{ t: 1 }]], [{ t: 9 }]],
  ['transform', ['enrichArray', { t: 9 }, []], []],
  ['transform', ['enricharray', {}, []], _],
  ['transform', ['other', {}, []], _],
  ['transform', ['enrichArray', [], []], _],
  ['transform', ['enrichArray', {}, {}], _],
  ['transform', ['enrichArray', {}, [1]], _],
  ['transform', ['enrichArray', {}, [[]]], _],
  ['transform', ['enrichArray', { x: 'x'.repeat(70_000) }, [{}, {}]], _],
  ['encode', ['hello', 'base64'], 'aGVsbG8='],
  ['encode', ['é', 'base64'], 'w6k='],
  ['encode', [12, 'base64'], base64('12')],
  ['encode', [{ a: 1 }, 'base64'], base64('{"a":1}')],
  ['encode', [Uint8Array.of(0, 255), 'base64'], 'AP8='],
  ['encode', ['', 'base64'], ''],
  ['encode', [null, 'base64'], _],
  ['encode', ['a', 'hex'], _],
  ['encode', ['a', 'BASE64'], _],
  ['decode', ['eyJhIjoxfQ==', 'base64'], { a: 1 }],
  ['decode', ['eyJhIjoxfQ', 'base64'], { a: 1 }],
  ['decode', ['aGVsbG8=', 'base64'], 'hello'],
  ['decode', [base64('12'), 'base64'], 12],
  ['decode', [base64('null'), 'base64'], null],
  ['decode', [base64('{"a":'), 'base64'], '{"a":'],
  ['decode', [base64('\ufeffx'), 'base64'], '\ufeffx'],
  ['decode', ['', 'base64'], ''],
  ['decode', ['a', 'base64'], null],
  ['decode', ['a b=', 'base64'], null],
  ['decode', ['QQ-_', 'base64'], null],
  ['decode', ['QQ=', 'base64'], null],
  ['decode', ['//8=', 'base64'], null],
  ['decode', [12, 'base64'], _],
  ['decode', [null, 'base64'], _],
  ['decode', ['aGk=', 'hex'], _],
  ['decode', ['aGk=', 'base64', 'subject', 'type'], _],
  ['decode', ['aGk=', 'proto'], _],
  ['decode', ['aGk=', 'proto', 'subject', 'type'], _],
])

describe('decode of Protobuf', () => {
  const asked: unknown[] = []
  const protobuf = {
    decode(bytes: Uint8Array, subject: string, type: string): unknown {
      asked.push([...bytes], subject, type)
      if (type === 'none') throw new Error('no such type')
      return { x: 1 }
    },
  }
  const decode = (...args: unknown[]): unknown => call('decode', args, { ports: { ...ports, protobuf } })

  it('is asked of the schema registry, with bytes or their base64', () => {
    assert.deepEqual(decode('AQI=', 'proto', 's', 't'), { x: 1 })
    assert.deepEqual(decode(Uint8Array.of(1, 2), 'proto', 's', 't'), { x: 1 })
    assert.deepEqual(asked.splice(0), [[1, 2], 's', 't', [1, 2], 's', 't'])
  })
  it('is Undefined if the registry cannot, and for what holds no bytes', () => {
    assert.equal(decode('AQI=', 'proto', 's', 'none'), undefined)
    asked.length = 0
    for (const value of ['A', 12, null, undefined, {}]) assert.equal(decode(value, 'proto', 's', 't'), undefined)
    assert.equal(decode('AQI=', 'proto', 's', 1), undefined)
    assert.deepEqual(asked, [])
  })
})

/** RFC 1319, A.5; RFC 1321, A.5; FIPS 180-2, A to C with its change notice for SHA-224. */
describeExamples('hashes', [
  ['md2', [''], '8350e5a3e24c153df2275c9f80692773'],
  ['md2', ['a'], '32ec01ec4a6dac72c0ab96fb34c0b5d1'],
  ['md2', ['abc'], 'da853b0d3f88d99b30283a69e6ded6bb'],
  ['md2', ['message digest'], 'ab4f496bfb2a530b219ff33031fe06b0'],
  ['md2', ['abcdefghijklmnopqrstuvwxyz'], '4e8ddff3650292ab5a4108c3aa47940b'],
  ['md2', ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'], 'da33def2a42df13975352846c30338cd'],
  ['md2', ['1234567890'.repeat(8)], 'd5976f79d83d3a0dc9806c3c66f3efd8'],
  ['md5', [''], 'd41d8cd98f00b204e9800998ecf8427e'],
  ['md5', ['a'], '0cc175b9c0f1b6a831c399e269772661'],
  ['md5', ['abc'], '900150983cd24fb0d6963f7d28e17f72'],
  ['md5', ['message digest'], 'f96b697d7cb7938d525a2f31aaf161d0'],
  ['md5', ['abcdefghijklmnopqrstuvwxyz'], 'c3fcd3d76192e4007dfb496cca67e13b'],
  ['md5', ['1234567890'.repeat(8)], '57edf4a22be3c955ac49da2e2107b67a'],
  ['sha1', ['abc'], 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['sha224', ['abc'], '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'],
  ['sha256', ['abc'], 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['sha384', ['abc'], 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'],
  [
    'sha512',
    ['abc'],
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
  ['md5', [Uint8Array.of(0x61)], '0cc175b9c0f1b6a831c399e269772661'],
  ['sha1', [12], createHash('sha1').update('12').digest('hex')],
])

describe('hashes', () => {
  for (const name of ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as HashName[])
    it(`${name} is that of OpenSSL for every length up to 300`, () => {
      for (let length = 0; length <= 300; length++) {
        const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255)
        assert.equal(ports.hash(name, bytes), createHash(name).update(bytes).digest('hex'), `${length}`)
      }
    })
})

describe('functions of the message', () => {
  const message = {
    topic: 'plant/1/temp',
    clientId: 'c-1',
    principal: 'ab12',
    sourceIp: '10.0.0.1',
    traceId: 't-1',
    accountId: '123456789012',
    timestamp: 1000,
    mqtt: { contentType: 'text/plain', formatIndicator: 'UTF8_DATA', responseTopic: 'r', correlationData: Uint8Array.of(1, 2) },
    properties: JSON.parse('{"k":"v","list":["a","b"],"__proto__":"p"}'),
  }
  const of = (name: string, ...args: unknown[]): unknown => call(name, args, { message })

  it('tell where it came from', () => {
    assert.deepEqual(
      [of('topic'), of('topic', 1), of('topic', 3), of('topic', '2.9'), of('topic', 0), of('topic', 4), of('topic', -1)],
      ['plant/1/temp', 'plant', 'temp', '1', _, _, _],
    )
    assert.deepEqual(
      ['clientid', 'principal', 'sourceip', 'traceid', 'accountid', 'timestamp', 'sql_version', 'newuuid'].map(name => of(name)),
      ['c-1', 'ab12', '10.0.0.1', 't-1', '123456789012', 1000, '2016-03-23', 'u-1'],
    )
  })
  it('are Undefined where it did not say', () => {
    assert.deepEqual(
      ['topic', 'principal', 'sourceip', 'traceid', 'accountid'].map(name => call(name, [])),
      [_, _, _, _, _],
    )
    assert.equal(call('topic', [1]), undefined)
    assert.equal(call('clientid', []), 'n/a')
    assert.equal(call('clientid', [], { message: { clientId: 'c', source: 'http' } }), 'n/a')
    assert.equal(call('clientid', [], { message: { clientId: 'c', source: 'mqtt' } }), 'c')
  })
  it('give one time for all calls of a message that came without one', () => {
    let now = 100
    const ticking = { ...ports, now: () => now++ }
    const [one, other] = [{ topic: 'a' }, { topic: 'a' }]
    assert.deepEqual(
      [one, one, other, one].map(message => call('timestamp', [], { message, ports: ticking })),
      [100, 100, 101, 100],
    )
  })
  it('tell the properties of MQTT 5 by names without case and underscores', () => {
    assert.deepEqual(
      ['content_type', 'contentType', 'FORMAT_INDICATOR', 'response_topic', 'correlation_data', 'other', 'constructor'].map(
        name => of('get_mqtt_property', name),
      ),
      ['text/plain', 'text/plain', 'UTF8_DATA', 'r', 'AQI=', _, _],
    )
    assert.equal(call('get_mqtt_property', ['content_type']), undefined)
  })
  it('tell the user properties', () => {
    assert.deepEqual(of('get_user_properties', 'k'), ['v'])
    assert.deepEqual(of('get_user_properties', 'list'), ['a', 'b'])
    assert.deepEqual(of('get_user_properties', '__proto__'), ['p'])
    assert.equal(of('get_user_properties', 'K'), undefined)
    assert.equal(of('get_user_properties', 'constructor'), undefined)
    assert.equal(call('get_user_properties', ['k']), undefined)
    const all = of('get_user_properties') as object[]
    assert.deepEqual(all.map(Object.entries), [[['k', 'v']], [['list', 'a']], [['list', 'b']], [['__proto__', 'p']]])
    assert.ok(all.every(each => Object.getPrototypeOf(each) === Object.prototype))
    assert.deepEqual(call('get_user_properties', []), [])
  })
})

describe('members named __proto__', () => {
  it('stay data when arrays are enriched', () => {
    const [merged] = call('transform', ['enrichArray', polluted, [{}]]) as object[]
    assert.equal(Object.getPrototypeOf(merged), Object.prototype)
    assert.deepEqual(Object.keys(merged!), ['__proto__', 'a'])
    assert.equal(({} as { admin?: boolean }).admin, undefined)
  })
})

describe('keys of external calls', () => {
  it('are equal for equal calls only', () => {
    const calls: unknown[][] = [
      ['a', 'x'],
      ['a', 1],
      ['a', '1'],
      ['a', null],
      ['a', undefined],
      ['a', [1]],
      ['a', []],
      ['a', undefined, undefined],
      ['b', 'x'],
      ['a'],
      ['a', Uint8Array.of(1)],
      ['a', 'AQ=='],
    ]
    const keys = calls.map(([name, ...args]) => callKey(name as string, args))
    assert.equal(new Set(keys).size, calls.length)
    assert.equal(callKey('a', [{ b: 1 }]), callKey('a', [{ b: 1 }]))
  })
  it('do not exist for what JSON cannot hold', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    assert.equal(callKey('a', [cycle]), undefined)
  })
})
