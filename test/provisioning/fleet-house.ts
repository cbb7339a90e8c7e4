import { createHmac } from 'node:crypto'
import { LoomError } from '../../src/errors.ts'
import { openAllowLists } from '../../src/provisioning/allow-list.ts'
import { openClaims } from '../../src/provisioning/claim-store.ts'
import { createFleetProvisioning } from '../../src/provisioning/fleet-provisioning.ts'
import { createAdmission } from '../../src/provisioning/fleet-provisioning-admission.ts'
import { openTemplateApprovals } from '../../src/provisioning/fleet-provisioning-approvals.ts'
import type { FleetEvent, FleetPrincipal } from '../../src/provisioning/fleet-provisioning-port.ts'
import { createJitp } from '../../src/provisioning/jitp.ts'
import { openOwnership } from '../../src/provisioning/ownership.ts'
import type {
  CertificateSource,
  DevicePlan,
  DeviceWriter,
  ProvisioningRequest,
  Verdict,
} from '../../src/provisioning/provisioning-port.ts'
import { openTemplates } from '../../src/provisioning/template-store.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey } from '../../src/pki/keys.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { authorityOf, random } from '../pki/make.ts'
import { bySerial } from './template-bodies.ts'

/** Devices as documents of the store that the other parts use too. */
export async function fakeDevices(store: StateStore) {
  await store.declare('fake_devices', { unique: ['spkiHash'] })
  interface FakeDevice {
    plan: Omit<DevicePlan, 'also'>
    enabled: boolean
    state: 'active' | 'quarantined'
    spkiHash: string
    fingerprints: string[]
  }
  const plans: DevicePlan[] = []
  const writer: DeviceWriter & {
    plans: DevicePlan[]
    set(id: string, change: Partial<FakeDevice>): Promise<void>
    fail?: LoomError
  } = {
    plans,
    async find(deviceId) {
      const doc = (await store.get<FakeDevice>('fake_devices', deviceId))?.doc
      return (
        doc && {
          deviceId,
          enabled: doc.enabled,
          state: doc.state,
          fingerprints: doc.fingerprints,
          ...(doc.plan.enrolmentId && { enrolmentId: doc.plan.enrolmentId }),
        }
      )
    },
    async ownerOfKey(spkiHash) {
      return (await store.query('fake_devices', { where: [['spkiHash', '=', spkiHash]] })).items[0]?.id
    },
    async apply(whole) {
      const { also = [], ...plan } = whole
      if (writer.fail) throw writer.fail
      const before = await store.get<FakeDevice>('fake_devices', plan.deviceId)
      if (before && plan.existing === 'refuse') throw new LoomError('PROV_DENIED', `"${plan.deviceId}" exists`)
      const { certificatePem } = plan.credential as { certificatePem: string }
      const { spkiHash, fingerprint } = readCertificate(certificatePem)
      const fingerprints = [...(before?.doc.fingerprints ?? []), fingerprint]
      const doc: FakeDevice = { enabled: true, state: 'active', ...before?.doc, plan, spkiHash, fingerprints }
      const version = before?.version ?? 'new'
      await store.tx([{ op: 'put', coll: 'fake_devices', id: plan.deviceId, doc, version }, ...also], { by: plan.by })
      plans.push(whole)
      return { deviceId: plan.deviceId, generation: 'g1', created: !before }
    },
    async set(id, change) {
      const stored = (await store.get<FakeDevice>('fake_devices', id))!
      await store.put('fake_devices', id, { ...stored.doc, ...change })
    },
  }
  return writer
}

export const csrOf = async (id = 'unnamed') => {
  const pair = await generateKey()
  return { pair, csr: createCsr({ id, ...pair }) }
}

/** Everything of AWS provisioning over a memory store, with a clock that the test turns and a hook that it answers. */
export async function fleetHouse(
  o: { misuse?: { rejects: number; windowMs: number }; mostOutstanding?: number; store?: StateStore } = {},
) {
  const { authority, store, clock } = await authorityOf(o.store ? { store: o.store } : {})
  const now = () => clock.now
  const keyTypes: (string | undefined)[] = []
  const source: CertificateSource = {
    async issueUnnamed({ csrPem, keyType }) {
      keyTypes.push(keyType)
      const made = await authority.issueDevice({ id: 'unnamed', ...(csrPem !== undefined && { csrPem }) })
      return { ...made, ...(made.privateKeyPem !== undefined && { privateKeyPem: made.privateKeyPem }) }
    },
  }
  const events: FleetEvent[] = []
  const asked: ProvisioningRequest[] = []
  const answer: { hook: (request: ProvisioningRequest) => Verdict | Promise<Verdict> } = { hook: () => ({ allow: true }) }
  const devices = await fakeDevices(store)
  const templates = await openTemplates({ store, now })
  const claims = await openClaims({ store, source, now, random, ...(o.misuse && { misuse: o.misuse }) })
  const approvals = await openTemplateApprovals({ store, now })
  const allowLists = await openAllowLists({ store, now })
  const ownership = await openOwnership({
    store,
    now,
    random,
    tokenHash: token => createHmac('sha256', 'subkey').update(token).digest('hex'),
    ...(o.mostOutstanding && { mostOutstanding: o.mostOutstanding }),
  })
  const tell = (event: FleetEvent) => void events.push(event)
  const admission = createAdmission({
    templates,
    claims,
    approvals,
    allowLists,
    devices,
    hook: {
      ask: async request => {
        asked.push(request)
        return answer.hook(request)
      },
    },
    events: tell,
    now,
  })
  const fleet = createFleetProvisioning({ admission, ownership, claims, templates, source, devices, events: tell, now })
  const jitp = createJitp({ admission, events: tell, now })
  return {
    authority,
    store,
    clock,
    keyTypes,
    source,
    events,
    asked,
    answer,
    devices,
    templates,
    claims,
    approvals,
    allowLists,
    ownership,
    admission,
    fleet,
    jitp,
  }
}

export type FleetHouse = Awaited<ReturnType<typeof fleetHouse>>

/** A house with a template `t1` and a claim `line-1` for it. */
export async function houseWithClaim(settings: object = {}, o: Parameters<typeof fleetHouse>[0] = {}) {
  const house = await fleetHouse(o)
  await house.templates.create('t1', { body: bySerial, ...settings })
  const { claim } = await house.claims.create('line-1', { templates: ['t1'] }, { by: 'anna' })
  const who: FleetPrincipal = { claimId: 'line-1', fingerprint: claim.fingerprint, ip: '192.0.2.7' }
  const provision = async (serial: string, by: FleetPrincipal = who, template = 't1') => {
    const { certificateOwnershipToken: token } = await house.fleet.createCertificate(by)
    return house.fleet.provision(by, template, { token, parameters: { SerialNumber: serial } })
  }
  return { ...house, who, provision }
}

export const refusedWith = (code: string) => (error: unknown) => error instanceof LoomError && error.code === code
