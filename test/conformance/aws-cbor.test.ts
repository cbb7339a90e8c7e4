import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainItem } from '../../src/dialects/aws/cbor.ts'
import { mqttsClient, type PlainClient } from '../mqtts-client.ts'
import { run } from '../processes.ts'
import { seeded } from '../seeded.ts'
import { cborInstalled } from './cbor-package.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'
import { pumps } from './templates.ts'

interface CborX {
  encode(value: unknown): Buffer
  decode(bytes: Uint8Array): any
  isNativeAccelerationEnabled: boolean
}

const create = '$aws/certificates/create/cbor'
const sign = '$aws/certificates/create-from-csr/cbor'
const register = '$aws/provisioning-templates/pumps/provision/cbor'
const shapeOf = (answer: object) => Object.keys(answer).sort()

describe('fleet provisioning in CBOR, by cbor-x', function () {
  this.timeout(120_000)
  let house: ProvisioningHouse
  let cbor: CborX
  let forget: () => void
  let claims = 0

  before(async () => {
    forget = cborInstalled()
    const name: string = 'cbor-x'
    cbor = (await import(name)) as CborX
    assert.equal(cbor.isNativeAccelerationEnabled, false)
    house = await provisioningHouse('sdk-cbor')
    await house.hub.provisioning.createTemplate({ name: 'pumps', settings: { body: pumps, keyType: 'ec-p256' } })
  })
  after(async () => {
    forget()
    await house?.hub.close()
  })

  let asking: PlainClient
  beforeEach(async () => {
    asking = await withClaim()
  })
  afterEach(() => asking.client.endAsync(true))

  /** A connection with a claim of its own: twenty refusals end a claim. */
  const withClaim = async (): Promise<PlainClient> => {
    const id = `batch-${++claims}`
    const { secrets } = await house.hub.provisioning.createClaim({ id, settings: { templates: ['pumps'], keyType: 'ec-p256' } })
    const made = await mqttsClient(house, { clientId: id, cert: secrets!.certificatePem, key: secrets!.privateKeyPem })
    const topics = [create, sign, register].flatMap(topic => [`${topic}/accepted`, `${topic}/rejected`])
    await made.client.subscribeAsync(topics, { qos: 1 })
    return made
  }
  const answerTo = async (topic: string, payload: Uint8Array, { client, heard } = asking) => {
    const arrived = new Promise<void>(resolve => client.once('message', () => resolve()))
    await client.publishAsync(topic, Buffer.from(payload), { qos: 1 })
    await arrived
    const answer = heard.at(-1)!
    return { end: answer.topic.slice(topic.length + 1), body: cbor.decode(answer.payload) }
  }
  const accepted = async (topic: string, body?: object) => {
    const answer = await answerTo(topic, body ? cbor.encode(body) : Buffer.alloc(0))
    assert.equal(answer.end, 'accepted', JSON.stringify(answer.body))
    return answer.body
  }
  const rejected = async (topic: string, payload: Uint8Array, by = asking): Promise<[number, string]> => {
    const { end, body } = await answerTo(topic, payload, by)
    assert.equal(end, 'rejected')
    assert.deepEqual(shapeOf(body), ['errorCode', 'errorMessage', 'statusCode'])
    assert(!/internal|unexpected/i.test(body.errorCode + body.errorMessage), JSON.stringify(body))
    return [body.statusCode, body.errorCode]
  }
  const lives = async (thing: string, cert: string, key: string): Promise<void> => {
    const { client } = await mqttsClient(house, { clientId: thing, cert, key })
    await client.publishAsync(`dt/${thing}/temp`, `{"from":"${thing}"}`, { qos: 1 })
    await house.landed(thing, `dt/${thing}/temp`, `{"from":"${thing}"}`)
    await client.endAsync()
  }

  it('keys and a certificate, registered, connect', async () => {
    for (const body of [undefined, {}]) {
      const made = await accepted(create, body)
      assert.deepEqual(shapeOf(made), ['certificateId', 'certificateOwnershipToken', 'certificatePem', 'privateKey'])
      const serial = body ? '1' : '2'
      const { certificateOwnershipToken } = made
      const done = await accepted(register, { certificateOwnershipToken, parameters: { SerialNumber: serial } })
      assert.deepEqual(done, { thingName: `pump-${serial}`, deviceConfiguration: { interval: '10' } })
      await lives(`pump-${serial}`, made.certificatePem, made.privateKey)
    }
  })

  it('a request for a certificate, as openssl makes it', async () => {
    const [keyFile, csrFile] = [join(house.folder, 'p3.key.pem'), join(house.folder, 'p3.csr.pem')]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', keyFile]
    await run('openssl', ['req', '-new', ...key, '-subj', '/CN=p3', '-out', csrFile])
    const signed = await accepted(sign, { certificateSigningRequest: readFileSync(csrFile, 'utf8') })
    assert.deepEqual(shapeOf(signed), ['certificateId', 'certificateOwnershipToken', 'certificatePem'])
    const { certificateOwnershipToken } = signed
    await accepted(register, { certificateOwnershipToken, parameters: { SerialNumber: '3' } })
    await lives('pump-3', signed.certificatePem, readFileSync(keyFile, 'utf8'))
  })

  it('refusals, in CBOR too', async () => {
    const { certificateOwnershipToken } = await accepted(create)
    const parameters = { SerialNumber: '4' }
    const no = (topic: string, body: unknown) => rejected(topic, cbor.encode(body))
    assert.deepEqual(await no(sign, { certificateSigningRequest: 'nonsense' }), [400, 'InvalidCertificateSigningRequest'])
    assert.deepEqual(await no(sign, {}), [400, 'InvalidCertificateSigningRequest'])
    assert.deepEqual(await no(register, { certificateOwnershipToken: 'made up', parameters }), [
      400,
      'InvalidCertificateOwnershipToken',
    ])
    assert.deepEqual(await no(register, { certificateOwnershipToken }), [400, 'InvalidParameters'])
    for (const wrong of [[], 'text', 7, { SerialNumber: 4 }, { SerialNumber: Buffer.from('4') }, Buffer.alloc(60_000)])
      assert.deepEqual(await no(register, { certificateOwnershipToken, parameters: wrong }), [400, 'InvalidParameters'])
    for (const wrong of [[], 'text', 7, null, new Date(), new Map([[1, 2]]), /pattern/, 2n ** 70n, new Set([1])])
      assert.deepEqual(await no(register, wrong), [400, 'InvalidPayload'], String(wrong))
    assert.equal((await accepted(register, { certificateOwnershipToken, parameters })).thingName, 'pump-4')
  })

  describe('whatever bytes come', () => {
    const request = {
      certificateOwnershipToken: 'x'.repeat(300),
      parameters: { SerialNumber: '5', more: ['a', { b: 1.5 }, null] },
    }
    const head = (major: number, length: number): Buffer => {
      const bytes = Buffer.alloc(5, (major << 5) | 26)
      bytes.writeUInt32BE(length, 1)
      return bytes
    }
    const tokenThen = (rest: Buffer): Buffer => Buffer.concat([Buffer.from('b90001', 'hex'), cbor.encode('parameters'), rest])
    const repeated = (unit: Buffer, bytes = 60_000): Buffer => Buffer.alloc(bytes - (bytes % unit.length), unit)

    const hostile = (): [what: string, payload: Buffer][] => [
      ...[0x81, 0x9f, 0xbf, 0xc1, 0xd8].map((byte): [string, Buffer] => [
        `0x${byte.toString(16)} nested`,
        Buffer.alloc(60_000, byte),
      ]),
      ['maps nested', repeated(Buffer.from('a16161', 'hex'))],
      ['nested under a name', tokenThen(Buffer.alloc(60_000, 0x81))],
      ...[2, 3, 4, 5].flatMap(major =>
        [0xffff, 1 << 24, 30_000_000, 0x7fffffff, 0xffffffff].map((length): [string, Buffer] => [
          `kind ${major} of ${length}`,
          tokenThen(head(major, length)),
        ]),
      ),
      ...[4, 5].map((major): [string, Buffer] => [`kind ${major} of 30,000,000, nested`, repeated(head(major, 30_000_000))]),
      ['a length of 64 bits', Buffer.from('9bffffffffffffffff', 'hex')],
      ['patterns', Buffer.concat([Buffer.from('d81b82', 'hex'), cbor.encode('RegExp'), cbor.encode('(a+)+$')])],
      ['a record to compile', Buffer.from('d9dfff83190000816161f5', 'hex')],
      ['references', Buffer.from('d81c81d81d00', 'hex')],
      ['a packed table', Buffer.from('d83384818080 80c600'.replace(' ', ''), 'hex')],
      ['a big number', Buffer.concat([Buffer.from('c2', 'hex'), head(2, 60_000), Buffer.alloc(60_000, 0xff)])],
      ['a prototype', cbor.encode(JSON.parse('{"__proto__":{"certificateOwnershipToken":"x"}}'))],
      ['more than 65,536 bytes', Buffer.alloc(65_537, 0x40)],
    ]

    it('is refused with a code, as long as the claim lasts, and the hub goes on', async () => {
      let by = asking
      for (const [i, [what, payload]] of hostile().entries()) {
        if (i > 0 && i % 15 === 0) by = await withClaim()
        const [status, code] = await rejected(register, payload, by)
        const codes = what === 'a prototype' ? ['InvalidCertificateOwnershipToken'] : ['InvalidPayload']
        assert.deepEqual([status, codes.includes(code)], [400, true], `${what}: ${code}`)
      }
      await accepted(create)
    })

    /** A whole request, cut, changed or with something after it. */
    const mutations = (seed: number) => {
      const { below } = seeded(seed)
      const whole = cbor.encode(request)
      return (): Buffer => {
        const bytes = Buffer.from(whole.subarray(0, below(6) ? whole.length : below(whole.length)))
        // most of it is text, where any letter will do: heads are in what comes last
        for (let n = below(3); n >= 0 && bytes.length > 0; n--)
          if (below(2)) bytes[below(bytes.length)] = 32 + below(90)
          else bytes[bytes.length - 1 - below(Math.min(40, bytes.length))] = below(256)
        return below(6) ? bytes : Buffer.concat([bytes, Buffer.from([below(256)])])
      }
    }

    it('20,000 changed requests: what is taken for a plain item, the package can read', () => {
      const next = mutations(20)
      let taken = 0
      for (let i = 0; i < 20_000; i++) {
        const bytes = next()
        try {
          plainItem(bytes)
        } catch {
          continue
        }
        taken++
        assert.doesNotThrow(() => cbor.decode(bytes), bytes.toString('hex'))
      }
      assert(taken > 5000 && taken < 15_000, `${taken} taken`)
    })

    it('152 of them over the wire: each has an answer with a code', async () => {
      const next = mutations(21)
      const seen = new Map<string, number>()
      for (let claim = 0; claim < 8; claim++) {
        const by = await withClaim()
        for (let i = 0; i < 19; i++) {
          const payload = next()
          const [status, code] = await rejected(register, payload, by).catch(error => {
            throw new Error(`${payload.toString('hex')}: ${error}`)
          })
          assert.equal(status, 400)
          seen.set(code, (seen.get(code) ?? 0) + 1)
        }
        await by.client.endAsync(true)
      }
      const notPlain = seen.get('InvalidPayload')!
      assert(notPlain > 30 && notPlain < 120, JSON.stringify([...seen]))
      await accepted(create)
    })
  })
})
