import assert from 'node:assert/strict'
import { refusalOf } from '../../src/hub/refusal-record.ts'

const refusal = { type: 'security', at: 1, code: 'CRED_INVALID', message: 'wrong' } as const

describe('the record of a refusal', () => {
  it('begins its kind with where it came from', () => {
    const kindOf = (o: { device?: string; address?: string }) => refusalOf({ ...refusal, ...o })[0]
    assert.equal(kindOf({ device: 'pump', address: '192.0.2.1' }), 'address 192.0.2.1|CRED_INVALID|pump')
    assert.equal(kindOf({ address: '192.0.2.1' }), 'address 192.0.2.1|CRED_INVALID|192.0.2.1')
    assert.equal(kindOf({ device: 'pump' }), 'device pump|CRED_INVALID|pump')
    assert.equal(kindOf({}), 'address unknown|CRED_INVALID|hub')
  })

  it('names who proved to be a device, else the address that a stranger came from', () => {
    const byOf = (code: string) => refusalOf({ ...refusal, code, device: 'pump', address: '192.0.2.1' })[1].by
    for (const code of ['CRED_INVALID', 'IDENTITY_NOT_FOUND', 'CLIENT_ID_REFUSED']) assert.equal(byOf(code), 'address 192.0.2.1')
    assert.equal(byOf('POLICY_DENIED'), 'device pump')
    assert.equal(refusalOf({ ...refusal, device: 'pump' })[1].by, 'device pump')
  })

  it('cuts what a stranger wrote', () => {
    const long = 'x'.repeat(14_000)
    const [kind, { by, target, detail }] = refusalOf({ ...refusal, code: long, message: long, device: long, address: long })
    const cut = 'x'.repeat(128)
    assert.equal(kind, `address ${cut}|${cut}|${cut}`)
    assert.deepEqual([by, target, detail], [`device ${cut}`, cut, { code: cut, message: 'x'.repeat(300), address: cut }])
  })
})
