import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { LoomError } from '../../src/errors.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { type JitpCandidate, subjectOf } from '../../src/provisioning/jitp.ts'
import { type FleetHouse, fleetHouse, refusedWith } from './fleet-house.ts'
import { needOpenssl, OpensslFolder } from '../pki/openssl.ts'
import { justInTime } from './template-bodies.ts'

const byName = {
  Parameters: { 'AWS::IoT::Certificate::CommonName': { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' } } },
    certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } } },
  },
}

const candidateOf = async (house: FleetHouse, id: string): Promise<JitpCandidate> => {
  const { certificatePem } = await house.authority.issueDevice({ id })
  const { fingerprint, spkiHash } = readCertificate(certificatePem)
  return { template: 'factory', certificatePem, fingerprint, spkiHash, ip: '192.0.2.7' }
}

describe('just-in-time provisioning', () => {
  it('makes a device of what the subject says', async () => {
    const house = await fleetHouse()
    await house.templates.create('factory', { kind: 'jitp', body: byName })
    const candidate = await candidateOf(house, 'pump-1')
    const admitted = await house.jitp.admitByTemplate(candidate)
    assert.deepEqual(admitted, { deviceId: 'pump-1', generation: 'g1', created: true, active: true, deviceConfiguration: {} })
    assert.deepEqual(house.devices.plans[0]!.credential, {
      kind: 'x509',
      certificatePem: candidate.certificatePem,
      status: 'active',
    })
    assert.equal(house.devices.plans[0]!.by, `certificate ${candidate.fingerprint}`)
    assert.equal(house.events.at(-1)!.type, 'provisioned')
  })

  it('runs once for many connections of one certificate at the same time', async () => {
    const house = await fleetHouse()
    await house.templates.create('factory', { kind: 'jitp', body: byName, hook: { enabled: true } })
    const candidate = await candidateOf(house, 'pump-1')
    const gate = Promise.withResolvers<void>()
    house.answer.hook = async () => {
      await gate.promise
      return { allow: true }
    }
    const runs = Array.from({ length: 5 }, () => house.jitp.admitByTemplate(candidate))
    gate.resolve()
    assert.equal(new Set(await Promise.all(runs)).size, 1)
    assert.equal(house.asked.length, 1)
    assert.equal(house.devices.plans.length, 1)
  })

  it('leaves nothing behind when a field is missing, the hook says no, or time is over', async () => {
    const house = await fleetHouse()
    await house.templates.create('factory', { kind: 'jitp', body: justInTime })
    const candidate = await candidateOf(house, 'pump-1')
    await assert.rejects(house.jitp.admitByTemplate(candidate), (error: LoomError) => {
      assert.equal(error.code, 'PROV_PARAMETER_MISSING')
      assert.equal(error.position, 'AWS::IoT::Certificate::SerialNumber')
      return true
    })
    await house.templates.update('factory', { body: byName, hook: { enabled: true } })
    house.answer.hook = () => ({ allow: false })
    await assert.rejects(house.jitp.admitByTemplate(candidate), refusedWith('PROV_DENIED'))
    house.answer.hook = () => {
      house.clock.now += 10_001
      return { allow: true }
    }
    await assert.rejects(house.jitp.admitByTemplate(candidate), refusedWith('PROV_HOOK_TIMEOUT'))
    assert.equal(house.devices.plans.length, 0)
    assert.equal((await house.templates.get('factory'))!.used, 0)
    assert.ok(house.events.every(({ type }) => type === 'refused'))
    house.answer.hook = () => ({ allow: true })
    assert.equal((await house.jitp.admitByTemplate(candidate)).deviceId, 'pump-1')
  })

  it('does not take over a device that has another key', async () => {
    const house = await fleetHouse()
    await house.templates.create('factory', { kind: 'jitp', body: byName })
    await house.jitp.admitByTemplate(await candidateOf(house, 'pump-1'))
    await assert.rejects(house.jitp.admitByTemplate(await candidateOf(house, 'pump-1')), refusedWith('PROV_PENDING'))
    assert.equal((await house.approvals.pending()).items[0]!.request.kind, 'jitp')
  })

  it('is no way in for templates of the fleet, nor says an inactive certificate may connect', async () => {
    const house = await fleetHouse()
    await house.templates.create('factory', { body: byName })
    const candidate = await candidateOf(house, 'pump-1')
    await assert.rejects(house.jitp.admitByTemplate(candidate), refusedWith('PROV_NO_TEMPLATE'))
    const inactive = structuredClone(byName)
    Object.assign(inactive.Resources.certificate.Properties, { Status: 'INACTIVE' })
    await house.templates.update('factory', { kind: 'jitp', body: inactive })
    assert.equal((await house.jitp.admitByTemplate(candidate)).active, false)
  })

  it('refuses what is no certificate', () => assert.throws(() => subjectOf('x'), refusedWith('CRED_INVALID')))

  it('reads every field of a subject, and none that comes twice', async function () {
    this.timeout(60_000)
    needOpenssl(this)
    const folder = new OpensslFolder()
    await folder.open()
    const subject = '/C=DE/ST=Hessen/O=Acme,Inc/OU=a/OU=b/CN=pump-1/serialNumber=S-9/dnQualifier=q'
    const made = await folder.run(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out c.pem -subj ${subject}`,
    )
    assert.ok(made.ok, made.text)
    const pem = await readFile(folder.path('c.pem'), 'utf8')
    await folder.close()
    assert.deepEqual(subjectOf(pem).parameters, {
      'AWS::IoT::Certificate::Country': 'DE',
      'AWS::IoT::Certificate::StateName': 'Hessen',
      'AWS::IoT::Certificate::Organization': 'Acme,Inc',
      'AWS::IoT::Certificate::CommonName': 'pump-1',
      'AWS::IoT::Certificate::SerialNumber': 'S-9',
      'AWS::IoT::Certificate::DistinguishedNameQualifier': 'q',
    })
  })
})
