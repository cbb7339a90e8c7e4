import assert from 'node:assert/strict'
import { type Cbor, encodeRecord } from '../../src/dialects/aws/cbor.ts'
import { createAwsProvisioning } from '../../src/dialects/aws/provisioning.ts'
import { classifyTopic } from '../../src/dialects/topic-table.ts'
import { LoomError } from '../../src/errors.ts'
import type { FleetProvisioning } from '../../src/provisioning/fleet-provisioning.ts'
import { csrOf, houseWithClaim } from '../provisioning/fleet-house.ts'

const CREATE = '$aws/certificates/create'
const SIGN = '$aws/certificates/create-from-csr'
const PROVISION = '$aws/provisioning-templates/t1/provision'

/** Stands for the package: JSON behind one byte, so that its use shows. */
const fakeCbor: Cbor = {
  encode: value => Buffer.from(`C${JSON.stringify(value)}`),
  decode: bytes => JSON.parse(Buffer.from(bytes.subarray(1)).toString()),
}

const requestOf = (topic: string) => {
  const found = classifyTopic('claim', topic, { deviceId: '' })
  assert.ok(found.kind === 'request', topic)
  return found
}

async function speaking(o: { cbor?: Cbor } = {}) {
  const house = await houseWithClaim()
  const provisioning = createAwsProvisioning({ fleet: house.fleet, ...o })
  const send = (topic: string, payload: string | Uint8Array = '', id = 'c1') =>
    provisioning.answer(requestOf(topic), Buffer.from(payload), { id, principal: house.who })
  const json = async (topic: string, payload?: object) => {
    const answer = (await send(topic, payload ? JSON.stringify(payload) : ''))!
    assert.equal(answer.qos, 1)
    return { topic: answer.topic, body: JSON.parse(String(answer.payload)) }
  }
  return { ...house, provisioning, send, json }
}

describe('AWS fleet provisioning on the wire', () => {
  it('answers create, create from a request, and provision in the form of the SDK', async () => {
    const { json } = await speaking()
    for (const payload of [undefined, {}]) {
      const made = await json(`${CREATE}/json`, payload)
      assert.equal(made.topic, `${CREATE}/json/accepted`)
      assert.deepEqual(Object.keys(made.body).sort(), [
        'certificateId',
        'certificateOwnershipToken',
        'certificatePem',
        'privateKey',
      ])
    }
    const signed = await json(`${SIGN}/json`, { certificateSigningRequest: (await csrOf()).csr })
    assert.deepEqual(Object.keys(signed.body).sort(), ['certificateId', 'certificateOwnershipToken', 'certificatePem'])
    const { certificateOwnershipToken } = signed.body
    assert.deepEqual(await json(`${PROVISION}/json`, { certificateOwnershipToken, parameters: { SerialNumber: '1' } }), {
      topic: `${PROVISION}/json/accepted`,
      body: { deviceConfiguration: {}, thingName: 'dev-1' },
    })
  })

  const rejected: [what: string, topic: string, payload: string, body: object][] = [
    [
      'broken JSON',
      `${CREATE}/json`,
      '{',
      { statusCode: 400, errorCode: 'InvalidPayload', errorMessage: 'the request is not valid: the payload is not JSON' },
    ],
    [
      'a list',
      `${CREATE}/json`,
      '[]',
      { statusCode: 400, errorCode: 'InvalidPayload', errorMessage: 'the request is not valid: the payload is not an object' },
    ],
    [
      'bytes that are no text',
      `${CREATE}/json`,
      Buffer.from([0xff, 0xfe]).toString('latin1'),
      { statusCode: 400, errorCode: 'InvalidPayload', errorMessage: 'the request is not valid: the payload is not JSON' },
    ],
    [
      'no request for a certificate',
      `${SIGN}/json`,
      '{}',
      {
        statusCode: 400,
        errorCode: 'InvalidCertificateSigningRequest',
        errorMessage: 'the certificate request is not valid: none was given (send it as PEM)',
      },
    ],
    [
      'a token that is none',
      `${PROVISION}/json`,
      '{"certificateOwnershipToken":"x"}',
      {
        statusCode: 400,
        errorCode: 'InvalidCertificateOwnershipToken',
        errorMessage: 'the certificate ownership token is not valid (ask for a new certificate)',
      },
    ],
    [
      'parameters that are none',
      `${PROVISION}/json`,
      '{"certificateOwnershipToken":"x","parameters":{"a":1}}',
      {
        statusCode: 400,
        errorCode: 'InvalidParameters',
        errorMessage: 'a parameter of the provisioning template has no usable value: a (its value is a text)',
      },
    ],
    [
      'a template of others',
      '$aws/provisioning-templates/t9/provision/json',
      '{}',
      {
        statusCode: 403,
        errorCode: 'AccessDenied',
        errorMessage: 'the registration was refused: the claim is not for template "t9"',
      },
    ],
  ]
  for (const [what, topic, payload, body] of rejected)
    it(`rejects ${what} exactly as AWS does`, async () => {
      const { send } = await speaking()
      const answer = (await send(topic, payload))!
      assert.equal(answer.topic, `${topic}/rejected`)
      assert.deepEqual(JSON.parse(String(answer.payload)), body)
    })

  it('names the parameter that is missing', async () => {
    const { json } = await speaking()
    const { certificateOwnershipToken } = (await json(`${CREATE}/json`)).body
    const { body } = await json(`${PROVISION}/json`, { certificateOwnershipToken })
    assert.equal(body.errorCode, 'InvalidParameters')
    assert.match(body.errorMessage, /SerialNumber/)
  })

  it('says nothing about a failure of its own', async () => {
    const fleet = { createCertificate: () => Promise.reject(new TypeError('path /secret')) } as unknown as FleetProvisioning
    const answer = await createAwsProvisioning({ fleet }).answer(requestOf(`${CREATE}/json`), Buffer.of(), {
      id: 'c1',
      principal: { claimId: 'c', fingerprint: 'f', ip: '::1' },
    })
    assert.deepEqual(JSON.parse(String(answer!.payload)), {
      statusCode: 500,
      errorCode: 'InternalError',
      errorMessage: 'unexpected failure',
    })
  })

  it('speaks CBOR with the package', async () => {
    const { send } = await speaking({ cbor: fakeCbor })
    const made = (await send(`${CREATE}/cbor`))!
    assert.equal(made.topic, `${CREATE}/cbor/accepted`)
    const { certificateOwnershipToken } = fakeCbor.decode(made.payload as Uint8Array) as { certificateOwnershipToken: string }
    const payload = fakeCbor.encode({ certificateOwnershipToken, parameters: { SerialNumber: '1' } })
    const done = (await send(`${PROVISION}/cbor`, payload))!
    assert.deepEqual(fakeCbor.decode(done.payload as Uint8Array), { thingName: 'dev-1', deviceConfiguration: {} })
    const broken = (await send(`${PROVISION}/cbor`, Buffer.from([1, 2, 3])))!
    assert.equal(broken.topic, `${PROVISION}/cbor/rejected`)
  })

  it('refuses CBOR without the package, in CBOR, with the install line', async () => {
    const { send } = await speaking()
    const answer = (await send(`${CREATE}/cbor`))!
    assert.equal(answer.topic, `${CREATE}/cbor/rejected`)
    const message = 'the package that reads this format is not installed: CBOR (install cbor-x)'
    assert.deepEqual(answer.payload, encodeRecord({ statusCode: 500, errorCode: 'InternalError', errorMessage: message }))
  })

  it('writes a record as RFC 8949 has it', () => {
    const bytes = Buffer.from(encodeRecord({ a: 1, code: 403, t: 'x'.repeat(30) }))
    const expected = `a3616101${'64636f6465'}190193${'6174'}781e${'78'.repeat(30)}`
    assert.equal(bytes.toString('hex'), expected)
    assert.equal(
      Buffer.from(encodeRecord({ m: 'y'.repeat(300) }))
        .toString('hex')
        .slice(0, 12),
      'a1616d79012c',
    )
  })

  it('works on one request of a topic and connection at a time, in order, and refuses a fifth', async () => {
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
    let begun = 0
    const fleet = {
      createCertificate: async () => {
        const mine = begun++
        await gates[mine]!.promise
        return { mine }
      },
    } as unknown as FleetProvisioning
    const provisioning = createAwsProvisioning({ fleet })
    const order: string[] = []
    const ask = async (id: string) => {
      const answer = await provisioning.answer(requestOf(`${CREATE}/json`), Buffer.of(), {
        id,
        principal: { fingerprint: 'f', ip: '::1' },
      })
      order.push(String(answer?.payload))
      return answer
    }
    const [first, second, third, fourth] = [ask('c1'), ask('c1'), ask('c1'), ask('c1')]
    const fifth = await ask('c1')
    assert.equal(JSON.parse(String(fifth!.payload)).errorCode, 'Throttled')
    assert.equal(begun, 1)
    const other = ask('c2')
    await Promise.resolve()
    await Promise.resolve()
    assert.equal(begun, 2, 'another connection does not wait')
    for (const gate of gates) gate.resolve()
    await Promise.all([first, second, third, fourth, other])
    assert.deepEqual(
      order.slice(1).filter(text => text !== '{"mine":1}'),
      ['{"mine":0}', '{"mine":2}', '{"mine":3}', '{"mine":4}'],
    )
  })

  it('drops what a connection waited for when it has gone', async () => {
    const gate = Promise.withResolvers<void>()
    let begun = 0
    const fleet = {
      createCertificate: async () => {
        begun++
        await gate.promise
        throw new LoomError('PROV_DENIED')
      },
    } as unknown as FleetProvisioning
    const provisioning = createAwsProvisioning({ fleet })
    const ask = () =>
      provisioning.answer(requestOf(`${CREATE}/json`), Buffer.of(), { id: 'c1', principal: { fingerprint: 'f', ip: '::1' } })
    const both = [ask(), ask()]
    await Promise.resolve()
    await Promise.resolve()
    provisioning.gone('c1')
    gate.resolve()
    await both[0]
    assert.equal(await both[1], undefined)
    assert.equal(begun, 1)
  })
})
