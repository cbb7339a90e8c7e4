import assert from 'node:assert/strict'
import type { Classified } from '../../src/dialects/dialect.ts'
import {
  dpsHttpAnswer,
  dpsHttpLookup,
  dpsHttpRefusal,
  dpsHttpUnattested,
  readDpsHttp,
} from '../../src/dialects/azure/dps-http.ts'
import { dpsAnswer, dpsRefusal, readDpsRequest } from '../../src/dialects/azure/dps-wire.ts'
import { classifyTopic, refuseRequest, ruleFilter } from '../../src/dialects/topic-table.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { OperationView, Registration } from '../../src/provisioning/dps-port.ts'
import { codeOf } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

const at = Date.UTC(2026, 4, 6, 7, 8, 9, 10)
const registration: Registration = {
  registrationId: 'Lamp-1',
  enrolmentId: 'fleet',
  enrolmentKind: 'group',
  deviceId: 'Lamp-1',
  hub: 'self',
  assignedHub: 'hub.test:9000',
  substatus: 'initialAssignment',
  kind: 'sas',
  createdAt: at,
  updatedAt: at + 1000,
  etag: 'e1',
}
const assigning: OperationView = {
  operationId: '5.x.y',
  registrationId: 'Lamp-1',
  status: 'assigning',
  retryAfterS: 2,
  kind: 'sas',
  createdAt: at,
  updatedAt: at + 1000,
  etag: '3',
}
const { retryAfterS: _, ...ended } = assigning
const assigned: OperationView = { ...ended, status: 'assigned', registration }
const failed: OperationView = { ...ended, status: 'failed', failure: { code: 'PROV_DENIED', message: 'no' } }

const found = (topic: string): Extract<Classified, { kind: 'request' }> => {
  const classified = classifyTopic('dps', topic, { deviceId: 'Lamp-1' })
  assert.ok(classified.kind === 'request', topic)
  return classified
}
const REGISTER = '$dps/registrations/PUT/iotdps-register/?$rid='
const STATUS = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid='

describe('provisioning over MQTT', () => {
  it('grants the filter of answers, to its own family only', () => {
    assert.deepEqual(ruleFilter('dps', '$dps/registrations/res/#', { deviceId: 'x' }), {
      kind: 'granted',
      feature: 'provisioning',
    })
    assert.equal(ruleFilter('iothub', '$dps/registrations/res/#', { deviceId: 'x' }).kind, 'denied')
  })

  it('reads requests', () => {
    const body = { registrationId: 'Lamp-1', payload: { a: [1] } }
    assert.deepEqual(readDpsRequest(found(`${REGISTER}a%20b`), Buffer.from(JSON.stringify(body))), {
      operation: 'register',
      rid: 'a%20b',
      body,
    })
    assert.deepEqual(readDpsRequest(found(`${REGISTER}1`), Buffer.from(' ')), {
      operation: 'register',
      rid: '1',
      body: undefined,
    })
    assert.deepEqual(readDpsRequest(found(`${STATUS}2&operationId=5.a%2Eb`), Buffer.from('ignored {')), {
      operation: 'status',
      rid: '2',
      operationId: '5.a.b',
    })
    assert.deepEqual(readDpsRequest(found(`$dps/registrations/GET/iotdps-get-operationstatus/?operationId=o`), Buffer.of()), {
      operation: 'status',
      rid: '',
      operationId: 'o',
    })
    assert.throws(() => readDpsRequest(found(`${REGISTER}1`), Buffer.from('{"a":')), codeOf('REQUEST_INVALID'))
    assert.throws(() => readDpsRequest(found(`${STATUS}2`), Buffer.of()), codeOf('REQUEST_INVALID'))
  })

  it('answers an operation under way, one that is assigned and one that failed', () => {
    assert.deepEqual(dpsAnswer('r', assigning), {
      topic: '$dps/registrations/res/202/?$rid=r&retry-after=2',
      payload: '{"operationId":"5.x.y","status":"assigning"}',
      qos: 1,
    })
    const done = dpsAnswer('r', assigned)
    assert.equal(done.topic, '$dps/registrations/res/200/?$rid=r')
    assert.deepEqual(JSON.parse(done.payload), {
      operationId: '5.x.y',
      status: 'assigned',
      registrationState: {
        symmetricKey: { enrollmentGroupId: 'fleet' },
        registrationId: 'Lamp-1',
        createdDateTimeUtc: '2026-05-06T07:08:09.010Z',
        assignedHub: 'hub.test:9000',
        deviceId: 'Lamp-1',
        status: 'assigned',
        substatus: 'initialAssignment',
        lastUpdatedDateTimeUtc: '2026-05-06T07:08:10.010Z',
        etag: 'e1',
      },
    })
    const refused = dpsAnswer('r', failed)
    assert.equal(refused.topic, '$dps/registrations/res/200/?$rid=r')
    assert.deepEqual(JSON.parse(refused.payload), {
      operationId: '5.x.y',
      status: 'failed',
      registrationState: {
        registrationId: 'Lamp-1',
        createdDateTimeUtc: '2026-05-06T07:08:09.010Z',
        status: 'failed',
        errorCode: 400207,
        errorMessage: 'no',
        lastUpdatedDateTimeUtc: '2026-05-06T07:08:10.010Z',
        etag: '3',
      },
    })
  })

  it('hands out the payload, and says x509 without a group for an individual', () => {
    const individual: Registration = { ...registration, kind: 'x509', enrolmentKind: 'individual', payload: { k: 1 } }
    const { registrationState } = JSON.parse(dpsAnswer('r', { ...assigned, registration: individual }).payload)
    assert.deepEqual(registrationState.x509, {})
    assert.deepEqual(registrationState.payload, { k: 1 })
    assert.ok(!('symmetricKey' in registrationState))
  })

  const codes: [ErrorCode, number][] = [
    ['PROV_HOOK_TIMEOUT', 400207],
    ['PROV_DISABLED', 401002],
    ['PKI_KEY_REUSED', 401002],
    ['PROV_QUOTA', 403002],
    ['PROV_NO_ENROLMENT', 404201],
    ['IDENTITY_INVALID', 400004],
  ]
  for (const [code, errorCode] of codes)
    it(`tells a failure of ${code} as ${errorCode}`, () => {
      const { registrationState } = JSON.parse(dpsAnswer('r', { ...failed, failure: { code, message: 'm' } }).payload)
      assert.equal(registrationState.errorCode, errorCode)
    })

  const refusals: [ErrorCode, string, number][] = [
    ['PROV_DISABLED', '401/?$rid=r', 401002],
    ['PROV_NO_OPERATION', '404/?$rid=r', 404201],
    ['PROV_NO_ENROLMENT', '404/?$rid=r', 404201],
    ['REQUEST_INVALID', '400/?$rid=r', 400004],
    ['PROV_INVALID', '400/?$rid=r', 400004],
    ['PROV_THROTTLED', '429/?$rid=r&retry-after=30', 429001],
    ['STORE_CLOSED', '500/?$rid=r&retry-after=30', 500001],
  ]
  for (const [code, topic, errorCode] of refusals)
    it(`refuses with ${code} as ${topic}`, () => {
      const answer = dpsRefusal('r', { code, message: 'm' }, at)
      assert.equal(answer.topic, `$dps/registrations/res/${topic}`)
      assert.deepEqual(JSON.parse(answer.payload), {
        errorCode,
        message: 'm',
        trackingId: `${at.toString(16)}-r`,
        timestampUtc: '2026-05-06T07:08:09.010Z',
      })
      assert.deepEqual(refuseRequest('dps', found(`${REGISTER}r`), Buffer.of(), { code, message: 'm' }, at), answer)
    })

  it('meets anything a device sends with a request or a coded refusal', () => {
    const { pick, below } = seeded(3)
    const parts = [
      '{',
      '}',
      '"payload"',
      ':',
      'null',
      '[',
      ']',
      ',',
      '1e999',
      '"\\ud800"',
      '\xff',
      'registrationId',
      '%',
      '&',
      '=',
      '$rid',
      'operationId',
    ]
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: below(12) }, () => pick(parts)).join('')
      try {
        readDpsRequest(found(`${pick([REGISTER, STATUS])}${text.replace(/[#+]/g, '')}`), Buffer.from(text, 'latin1'))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'REQUEST_INVALID', String(error))
      }
    }
  })
})

describe('provisioning over HTTP', () => {
  const read = (method: string, path: string, body = '') => readDpsHttp({ method, path, body: Buffer.from(body) })

  it('reads its three requests and no other', () => {
    const names = { idScope: '0ne', registrationId: 'Lamp:1' }
    assert.deepEqual(read('PUT', '/0ne/registrations/Lamp%3A1/register?api-version=2021-06-01', '{"payload":1}'), {
      ...names,
      operation: 'register',
      body: { payload: 1 },
    })
    assert.deepEqual(read('GET', '/0ne/registrations/Lamp:1/operations/5.x%2Ey'), {
      ...names,
      operation: 'status',
      operationId: '5.x.y',
    })
    assert.deepEqual(read('POST', '/0ne/registrations/Lamp:1?api-version=x', '{'), { ...names, operation: 'lookup' })
    for (const [method, path] of [
      ['GET', '/0ne/registrations/x/register'],
      ['PUT', '/0ne/registrations/x/register/more'],
      ['GET', '/0ne/registrations/x/operations/'],
      ['GET', '/0ne/registrations/x/operations/a/b'],
      ['PUT', '//registrations/x/register'],
      ['PUT', '/0ne/devices/x/register'],
      ['POST', '/0ne/registrations/'],
      ['POST', '/'],
      ['POST', ''],
    ] as const)
      assert.equal(read(method, path), undefined, path)
    assert.throws(() => read('PUT', '/0ne/registrations/x/register', '{'), codeOf('REQUEST_INVALID'))
  })

  it('answers with Retry-After while it goes on, then with the state', () => {
    const first = dpsHttpAnswer(assigning)
    assert.equal(first.status, 202)
    assert.equal(first.headers['Retry-After'], '2')
    const done = dpsHttpAnswer(assigned)
    assert.equal(done.status, 200)
    assert.equal(done.headers['Retry-After'], undefined)
    assert.deepEqual(JSON.parse(done.body), JSON.parse(dpsAnswer('', assigned).payload))
    assert.deepEqual(JSON.parse(dpsHttpLookup(registration).body), JSON.parse(done.body).registrationState)
  })

  it('refuses in the same form', () => {
    const answer = dpsHttpRefusal({ code: 'PROV_DISABLED', message: 'm' }, at)
    assert.equal(answer.status, 401)
    assert.equal(answer.headers['x-ms-error-code'], '401002')
    assert.equal(JSON.parse(answer.body).errorCode, 401002)
    assert.equal(dpsHttpRefusal({ code: 'PROV_THROTTLED', message: 'm' }, at).headers['Retry-After'], '30')
  })

  it('tells who proved nothing only that, and asks to come back when the hub is at fault', () => {
    for (const code of ['CRED_INVALID', 'CRED_EXPIRED', 'PROV_NO_ENROLMENT', 'PKI_KEY_REFUSED'] as const) {
      const answer = dpsHttpUnattested({ code, message: 'the reason' }, at)
      assert.equal(answer.status, 401)
      assert.ok(!answer.body.includes('the reason'))
    }
    assert.equal(dpsHttpUnattested({ code: 'STORE_CLOSED', message: 'm' }, at).status, 500)
  })
})
