import assert from 'node:assert/strict'
import type { CodecContext } from '../../src/codec/codec.ts'
import { type CodecName, codecNames, codecOfType, detectCodec, openCodec } from '../../src/codec/codecs.ts'
import { encodableOf } from '../../src/codec/encodable.ts'
import { loadPeer } from '../../src/codec/peers.ts'
import { plainOf } from '../../src/codec/plain.ts'
import { LoomError } from '../../src/errors.ts'
import { bytesOf, refusal } from './codec-errors.ts'

const event = { specversion: '1.0', id: 'a', source: 's', type: 't' }

describe('codecs by name, content type and look', () => {
  for (const name of ['json', 'cbor', 'msgpack', 'senml', 'senml-cbor', 'csv', 'cayenne', 'cloudevents'] as const)
    it(`opens ${name} with what it needs`, async () => {
      assert.ok(codecNames.includes(name))
      const codec = await openCodec(name)
      assert.equal(codec.name, name)
      assert.equal(typeof codec.encode, 'function')
    })

  it('hands on options', async () => {
    const csv = await openCodec('csv', { separator: ';' })
    assert.deepEqual(csv.decode(Buffer.from('a;b\n1;2'), {}), [{ a: 1, b: 2 }])
    const cayenne = await openCodec('cayenne', { names: { temperature_1: 't' } })
    assert.deepEqual(cayenne.decode(bytesOf('01670110'), {}), { t: 27.2 })
    const layout = await openCodec('layout', { layout: [{ name: 't', type: 'int16', scale: 0.1 }] })
    assert.deepEqual(layout.decode(bytesOf('0110'), {}), { t: 27.2 })
  })

  it('tells an unknown name with those that there are', async () => {
    for (const name of ['yaml', '__proto__', 'constructor'])
      await assert.rejects(
        openCodec(name as CodecName),
        (error: LoomError) => error.code === 'CODEC_FORMAT' && /json/.test(error.hint ?? ''),
      )
  })

  for (const [type, name] of [
    ['application/json', 'json'],
    ['Application/JSON; charset=utf-8', 'json'],
    ['application/vnd.pump+json', 'json'],
    ['application/cbor', 'cbor'],
    ['application/cwt+cbor', 'cbor'],
    ['application/msgpack', 'msgpack'],
    ['application/vnd.msgpack', 'msgpack'],
    ['application/senml+json', 'senml'],
    ['application/senml+cbor', 'senml-cbor'],
    ['text/csv; header=present', 'csv'],
    ['application/cloudevents+json', 'cloudevents'],
    ['application/cloudevents-batch+json', 'cloudevents'],
    ['image/png', undefined],
    ['+json', 'json'],
    ['', undefined],
    [undefined, undefined],
  ] as const)
    it(`knows ${name} as ${type}`, () => assert.equal(codecOfType(type), name))

  for (const [what, hex, context, name] of [
    ['the content type before the look', Buffer.from('{}').toString('hex'), { contentType: 'application/cbor' }, 'cbor'],
    [
      'the attributes of an event before the content type',
      '7b7d',
      { contentType: 'application/json', properties: event },
      'cloudevents',
    ],
    ['the tag of CBOR', 'd9d9f701', {}, 'cbor'],
    ['the tag of CBOR among bytes', 'd9d9f701', { contentType: 'application/octet-stream' }, 'cbor'],
    ['an object', '207b2261223a317d0a', {}, 'json'],
    ['a list behind a byte order mark', 'efbbbf5b5d', {}, 'json'],
    ['an object that is called text', '7b7d', { contentType: 'text/plain' }, 'json'],
    ['nothing in a type that is not known', '7b7d', { contentType: 'image/png' }, undefined],
    ['nothing in an object that is cut', '7b2261223a', {}, undefined],
    ['nothing in MessagePack or CBOR without a type', '81a16101', {}, undefined],
    ['nothing in text', '32312e35', {}, undefined],
    ['nothing in nothing', '', {}, undefined],
    ['nothing in some attributes of an event', '', { properties: { specversion: '1.0', id: '1' } }, undefined],
  ] as [string, string, CodecContext, string | undefined][])
    it(`finds ${what}`, () => assert.equal(detectCodec(bytesOf(hex), context), name))
})

describe('packages that formats need', () => {
  it('are told with the command that installs them, and tried again later', async () => {
    let tries = 0
    const missing = () => {
      tries++
      return Promise.reject(new Error('not there'))
    }
    for (let i = 0; i < 2; i++)
      await assert.rejects(loadPeer('protobufjs', missing), (error: unknown) => {
        assert.ok(error instanceof LoomError)
        assert.deepEqual([error.code, error.hint], ['CODEC_UNAVAILABLE', 'npm install protobufjs'])
        return true
      })
    assert.equal(tries, 2)
    assert.equal(typeof (await loadPeer('protobufjs')).parse, 'function')
  })

  it('make no code at run time, and leave native parts alone', async () => {
    for (const name of ['cbor-x', 'msgpackr'] as const) {
      const { isNativeAccelerationEnabled } = await loadPeer(name)
      assert.equal(isNativeAccelerationEnabled, false)
    }
  })
})

describe('plain values', () => {
  for (const [what, value, plain] of [
    [
      'large numbers',
      [2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 5n],
      [9007199254740991, '9007199254740992', '-9007199254740992', 5],
    ],
    ['bytes', [new Uint8Array([1]), Buffer.from('ab')], ['AQ==', 'YWI=']],
    ['dates', [new Date(5), new Date(Number.NaN)], [5, null]],
    [
      'maps with names of other kinds',
      new Map<unknown, unknown>([
        [1, 'a'],
        ['b', new Map([[true, 2n]])],
      ]),
      { 1: 'a', b: { true: 2 } },
    ],
    [
      'what JSON has no word for',
      [Number.NaN, Number.POSITIVE_INFINITY, undefined, () => 1, Symbol('x')],
      [null, null, null, null, null],
    ],
    ['undefined members', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined', undefined, null],
  ] as [string, unknown, unknown][])
    it(`are made of ${what}`, () => assert.deepEqual(plainOf(value), plain))

  it('keep a member __proto__ as an own one', () => {
    const made = plainOf(new Map([['__proto__', { polluted: 1 }]])) as object
    assert.equal(Object.getPrototypeOf(made), Object.prototype)
    assert.deepEqual(Object.keys(made), ['__proto__'])
  })

  it('end where something is in itself', () => {
    const round: unknown[] = []
    round.push(round)
    assert.equal(
      refusal(() => plainOf(round)),
      'CODEC_LIMIT at 0',
    )
    assert.equal(
      refusal(() => encodableOf('x', round)),
      'CODEC_LIMIT at 0',
    )
  })

  it('are copied for writing and never changed', () => {
    const value = { a: [1, undefined], b: undefined, c: new Map([[1, { d: undefined }]]) }
    assert.deepEqual(encodableOf('x', value), { a: [1, null], c: new Map([[1, {}]]) })
    assert.deepEqual(value, { a: [1, undefined], b: undefined, c: new Map([[1, { d: undefined }]]) })
  })
})
