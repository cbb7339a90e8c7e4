import assert from 'node:assert/strict'
import type { Family } from '../../src/dialects/dialect.ts'
import { classifyTopic, refuseRequest } from '../../src/dialects/topic-table.ts'
import { type ErrorCode, LoomError } from '../../src/errors.ts'

/** As the hub has it: an error, whose text is plain here. */
const failureOf = (code: ErrorCode) => Object.assign(new LoomError(code), { message: 'not offered' })

const now = Date.UTC(2026, 8, 10, 8, 0, 0, 500)
function refuse(family: Family, topic: string, payload = '', code: ErrorCode = 'COMMAND_UNSUPPORTED') {
  const found = classifyTopic(family, topic, { deviceId: 'd1' })
  assert.ok(found.kind === 'request', topic)
  const answer = refuseRequest(family, found, Buffer.from(payload), failureOf(code), now)
  return answer && { ...answer, payload: JSON.parse(answer.payload) }
}

describe('an azure refusal', () => {
  it('is JSON with a truthy errorCode on the twin answer topic', () =>
    assert.deepEqual(refuse('iothub', '$iothub/twin/GET/?$rid=a%20b'), {
      topic: '$iothub/twin/res/500/?$rid=a%20b',
      payload: {
        errorCode: 500001,
        message: 'not offered',
        trackingId: `${now.toString(16)}-a%20b`,
        timestampUtc: '2026-09-10T08:00:00.500Z',
      },
      qos: 0,
    }))

  const cases: [ErrorCode, number, number][] = [
    ['REQUEST_INVALID', 400, 400004],
    ['STORE_VERSION_CONFLICT', 412, 412001],
    ['BROKER_PACKET_TOO_LARGE', 413, 413001],
    ['BROKER_THROTTLED', 429, 429001],
    ['POLICY_DENIED', 400, 403002],
    ['HUB_DOWN', 500, 500001],
  ]
  for (const [code, status, errorCode] of cases)
    it(`gives ${code} as ${status} and ${errorCode}`, () => {
      const answer = refuse('iothub', '$iothub/twin/PATCH/properties/reported/?$rid=1', '{}', code)
      assert.equal(answer?.topic, `$iothub/twin/res/${status}/?$rid=1`)
      assert.equal(answer?.payload.errorCode, errorCode)
    })

  it('has no form for a method answer', () => assert.equal(refuse('iothub', '$iothub/methods/res/200/?$rid=1'), undefined))

  it('of provisioning is final, so that the SDK does not repeat for ever', () => {
    const answer = refuse('dps', '$dps/registrations/PUT/iotdps-register/?$rid=9')
    assert.equal(answer?.topic, '$dps/registrations/res/400/?$rid=9')
    assert.ok(answer?.payload.errorCode)
  })
})

describe('an aws refusal', () => {
  const shadow = '$aws/things/d1/shadow/update'

  it('of a shadow echoes the client token', () =>
    assert.deepEqual(refuse('thing', shadow, '{"state":{},"clientToken":"t-1"}'), {
      topic: `${shadow}/rejected`,
      payload: { code: 500, message: 'Internal service failure', timestamp: Math.floor(now / 1000), clientToken: 't-1' },
      qos: 1,
    }))

  const tokens: [what: string, payload: string, token: string | undefined][] = [
    ['broken JSON', '{"state":{,"clientToken" : "t\\u0041"', 'tA'],
    ['a nested token', '{"state":{"clientToken":"inner"}}', undefined],
    ['a number', '{"clientToken":5}', undefined],
    ['65 bytes', `{"clientToken":"${'x'.repeat(65)}"}`, undefined],
    ['64 bytes', `{"clientToken":"${'x'.repeat(64)}"}`, 'x'.repeat(64)],
    ['JSON null', 'null', undefined],
    ['nothing', '', undefined],
    ['an unclosed token', '{"clientToken":"abc', undefined],
  ]
  for (const [what, payload, token] of tokens)
    it(`finds the client token in ${what}: ${token === undefined ? 'none' : token.slice(0, 5)}`, () =>
      assert.equal(refuse('thing', shadow, payload)?.payload.clientToken, token))

  it('reads bytes that are no UTF-8 and a payload full of the word without harm', () => {
    const found = classifyTopic('thing', shadow, { deviceId: 'd1' })
    assert.ok(found.kind === 'request')
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('"clientToken":"'.repeat(15_000))])
    assert.ok(refuseRequest('thing', found, bytes, { code: 'REQUEST_INVALID', message: 'm' }, now))
  })

  it('of a named shadow stays on its topic, with the status of the failure', () => {
    const answer = refuse('thing', '$aws/things/d1/shadow/name/n/get', '', 'NOT_FOUND')
    assert.equal(answer?.topic, '$aws/things/d1/shadow/name/n/get/rejected')
    assert.equal(answer?.payload.code, 404)
    assert.equal(answer?.payload.message, "No shadow exists with name: 'd1~n'")
  })

  it('of a job has a word for its code', () => {
    assert.deepEqual(refuse('thing', '$aws/things/d1/jobs/$next/get', '{"clientToken":"t"}'), {
      topic: '$aws/things/d1/jobs/$next/get/rejected',
      payload: { code: 'InternalError', message: 'not offered', timestamp: Math.floor(now / 1000), clientToken: 't' },
      qos: 1,
    })
    assert.equal(refuse('thing', '$aws/things/d1/jobs/get', '', 'BROKER_THROTTLED')?.payload.code, 'RequestThrottled')
  })

  it('of a stream is on its rejected topic, in JSON only', () => {
    assert.deepEqual(refuse('thing', '$aws/things/d1/streams/s/get/json', '{"c":"t"}'), {
      topic: '$aws/things/d1/streams/s/rejected/json',
      payload: { o: 'InvalidRequest', m: 'not offered', c: 't' },
      qos: 0,
    })
    assert.equal(refuse('thing', '$aws/things/d1/streams/s/get/cbor'), undefined)
    assert.equal('c' in refuse('thing', '$aws/things/d1/streams/s/describe/json', '{')!.payload, false)
  })

  it('of provisioning has status, code and message', () => {
    assert.deepEqual(refuse('thing', '$aws/certificates/create/json', '{}'), {
      topic: '$aws/certificates/create/json/rejected',
      payload: { statusCode: 500, errorCode: 'InternalError', errorMessage: 'not offered' },
      qos: 1,
    })
    const denied = refuse('thing', '$aws/provisioning-templates/t/provision/json', '{}', 'POLICY_DENIED')
    assert.deepEqual(denied?.payload, { statusCode: 403, errorCode: 'AccessDenied', errorMessage: 'not offered' })
  })

  const provisioning: [code: ErrorCode, statusCode: number, errorCode: string][] = [
    ['REQUEST_INVALID', 400, 'InvalidPayload'],
    ['PROV_TOKEN_INVALID', 400, 'InvalidCertificateOwnershipToken'],
    ['PKI_CSR_INVALID', 400, 'InvalidCertificateSigningRequest'],
    ['PKI_KEY_REFUSED', 400, 'InvalidCertificateSigningRequest'],
    ['PROV_PARAMETER_MISSING', 400, 'InvalidParameters'],
    ['PROV_PARAMETER_INVALID', 400, 'InvalidParameters'],
    ['IDENTITY_INVALID', 400, 'InvalidParameters'],
    ['PROV_DENIED', 403, 'AccessDenied'],
    ['PROV_PENDING', 403, 'AccessDenied'],
    ['PROV_HOOK_TIMEOUT', 403, 'AccessDenied'],
    ['PROV_QUOTA', 403, 'AccessDenied'],
    ['CRED_EXPIRED', 403, 'AccessDenied'],
    ['IDENTITY_RETIRED', 403, 'AccessDenied'],
    ['PROV_NO_TEMPLATE', 404, 'ResourceNotFound'],
    ['IDENTITY_EXISTS', 409, 'ResourceConflict'],
    ['PKI_KEY_REUSED', 409, 'ResourceConflict'],
    ['PROV_THROTTLED', 429, 'Throttled'],
    ['STORE_CLOSED', 500, 'InternalError'],
    ['CODEC_UNAVAILABLE', 500, 'InternalError'],
  ]
  for (const [code, statusCode, errorCode] of provisioning)
    it(`of provisioning gives ${code} as ${statusCode} ${errorCode}, to a claim too`, () => {
      for (const family of ['thing', 'claim'] as const) {
        const answer = refuse(family, '$aws/provisioning-templates/t/provision/json', '{}', code)
        assert.deepEqual(answer?.payload, { statusCode, errorCode, errorMessage: 'not offered' })
      }
    })
})

describe('a plain refusal', () => {
  it('goes to the twin answer topic with the request id as it stands', () =>
    assert.deepEqual(refuse('thing', 'devices/d1/twin/get/?rid=a%2Fb'), {
      topic: 'devices/d1/twin/answer/a%2Fb',
      payload: { status: 500, code: 'COMMAND_UNSUPPORTED', message: 'not offered' },
      qos: 1,
    }))

  it('needs no request id', () => assert.equal(refuse('thing', 'devices/d1/twin/report', '{}')?.topic, 'devices/d1/twin/answer'))

  it('of a named twin names it', () => {
    const answer = refuse('thing', 'devices/d1/twins/cfg/get/?rid=1', '', 'NOT_FOUND')
    assert.equal(answer?.topic, 'devices/d1/twins/cfg/answer/1')
    assert.equal(answer?.payload.status, 404)
  })

  it('has no form for a command answer', () => assert.equal(refuse('thing', 'devices/d1/commands/c/1/answer'), undefined))
})
