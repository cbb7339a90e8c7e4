import { LoomError } from '../errors.ts'
import { checkCsr } from '../pki/csr.ts'
import type { Write } from '../storage/state-store.ts'
import type { Claims } from './claim-store.ts'
import type { Admission } from './fleet-provisioning-admission.ts'
import { type Asker, checkedParameters, createAskers, ownOf } from './fleet-provisioning-asker.ts'
import type { Applicant } from './fleet-provisioning-examination.ts'
import { templateOf } from './fleet-provisioning-plan.ts'
import type { FleetEvent, FleetPrincipal } from './fleet-provisioning-port.ts'
import type { KeptAnswers } from './own-provisioning-answers.ts'
import { type HeldPairing, type Pairings, waitMs } from './pairing-store.ts'
import type { CertificateSource, DevicePlan, DeviceWriter, PlannedCredential } from './provisioning-port.ts'
import { certificateParameter } from './template-expression.ts'
import type { Templates } from './template-store.ts'

/** One request for an identity, its members of the right types. */
export interface OwnRequest {
  template?: string
  /** PEM; without one the key is made here */
  csr?: string
  keyType?: 'ec-p256' | 'rsa-2048'
  parameters?: Record<string, unknown>
  pairingCode?: string
  /** with a code that names no template: what the device wants instead of a certificate */
  credentials?: { kind: 'x509' | 'sas' | 'password' }
}

/** A device's identity: key material that was made here is in this answer and nowhere after. */
export interface OwnIdentity {
  deviceId: string
  certificatePem?: string
  privateKey?: string
  primaryKey?: string
  secondaryKey?: string
  username?: string
  password?: string
  deviceConfiguration: Record<string, string>
}

/**
 * Provisioning in one call. The same request with the same key hears the same answer for a day. PROV_* (PROV_PENDING: the same request again, later), PKI_*, IDENTITY_*, CRED_*,
 * DEVICE_QUARANTINED, REQUEST_INVALID.
 */
export interface OwnProvisioning {
  /** By a claim certificate, or the present credential of a device. */
  enrol(who: FleetPrincipal, request: OwnRequest): Promise<OwnIdentity>
  /** By a pairing code. */
  pair(request: OwnRequest & { pairingCode: string }, o: { ip: string }): Promise<OwnIdentity>
}

/** How devices that came by a code alone name their origin. */
export const pairingOrigin = 'pairing'

const mostAtOnce = 32
const x509 = { kind: 'x509' } as const

interface Applied {
  deviceId: string
  deviceConfiguration: Record<string, string>
}
/** Writes the device; what `keep` returns goes into its transaction. */
type Apply = (
  certificate: Applicant['certificate'],
  key: Pick<Applicant, 'id' | 'until'>,
  keep: (made: Applied) => readonly Write[],
) => Promise<Applied>

export function createOwnProvisioning(o: {
  admission: Admission
  answers: KeptAnswers
  pairings: Pick<Pairings, 'hold'>
  claims: Pick<Claims, 'need' | 'rejected'>
  templates: Pick<Templates, 'get'>
  source: CertificateSource
  devices: DeviceWriter
  events(event: FleetEvent): void
  now: () => number
  random: (size: number) => Buffer
  /** Work on one key, one after the other. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>
}): OwnProvisioning {
  const { admission, answers, pairings, source, devices, events, now, random } = o
  const askers = createAskers(o)
  let working = 0

  /** A key at a time: the second of two equal requests hears what the first one did. */
  const inTurn = async <T>(key: string | undefined, work: () => Promise<T>): Promise<T> => {
    if (working >= mostAtOnce) throw new LoomError('PROV_THROTTLED', `${mostAtOnce} requests are in work`)
    working++
    try {
      return await (key === undefined ? work() : o.inTurn(key, work))
    } finally {
      working--
    }
  }

  const certified = async (
    { csr, keyType }: Pick<OwnRequest, 'csr' | 'keyType'>,
    key: string | undefined,
    asked: { principal: string; template?: string },
    apply: Apply,
  ): Promise<OwnIdentity> => {
    const { principal, template } = asked
    const known = key === undefined ? undefined : await answers.find(key)
    if (known && known.principal === principal && known.template === template && key !== undefined)
      if ((await devices.ownerOfKey(key)) === known.deviceId) {
        const { deviceId, certificatePem, deviceConfiguration } = known
        return { deviceId, certificatePem, deviceConfiguration }
      }
    const issued = await source.issueUnnamed(csr === undefined ? { keyType: keyType ?? 'ec-p256' } : { csrPem: csr })
    const { certificatePem, privateKeyPem, fingerprint, spkiHash } = issued
    const made = await apply(
      { pem: certificatePem, fingerprint, spkiHash },
      { id: `own-${spkiHash.slice(0, 32)}`, ...(key !== undefined && { until: now() + waitMs }) },
      result => (key === undefined ? [] : [answers.keep(key, { ...asked, ...result, certificatePem })]),
    )
    const { deviceId, deviceConfiguration } = made
    return { deviceId, certificatePem, ...(privateKeyPem !== undefined && { privateKey: privateKeyPem }), deviceConfiguration }
  }

  /** The template that is named, or the only one that it can be; undefined for the successor of a device that came by a code alone. */
  const templateFor = ({ claim, enrolmentId }: Asker, who: FleetPrincipal, { template }: OwnRequest): string | undefined => {
    if (claim) {
      const [only, ...more] = claim.templates
      const name = template ?? (more.length === 0 ? only : undefined)
      if (name === undefined)
        throw new LoomError('PROV_NO_TEMPLATE', 'none is named', { hint: 'the claim has several: name one' })
      if (!claim.templates.includes(name))
        throw new LoomError('PROV_DENIED', `the claim is not for template "${name.slice(0, 80)}"`)
      return name
    }
    const name = template ?? templateOf(enrolmentId)
    if (name !== undefined) return name
    if (enrolmentId === pairingOrigin && who.fingerprint !== undefined) return undefined
    throw new LoomError('PROV_NO_TEMPLATE', 'none is named', { hint: 'the device did not come by one' })
  }

  const enrolled = async (who: FleetPrincipal, request: OwnRequest): Promise<OwnIdentity> => {
    if (request.credentials && request.credentials.kind !== 'x509') throw wrongCredentials('a pairing code')
    const asker = await askers.of(who)
    const template = templateFor(asker, who, request)
    const parameters = checkedParameters(request.parameters)
    const key = keyOf(request)
    const { principal: by } = asker
    const keyType = request.keyType ?? (template === undefined ? 'ec-p256' : await askers.keyTypeOf(asker))
    const asked = { principal: by, ...(template !== undefined && { template }) }
    return inTurn(key, () =>
      certified({ ...request, keyType }, key, asked, async (certificate, waiting, keep) => {
        if (template === undefined) return successor(asker.deviceId!, who.fingerprint!, certificate.pem, keep)
        const onlyDevice = asker.deviceId ?? asker.claim?.deviceId
        const applicant: Applicant = {
          kind: asker.kind,
          template,
          ...waiting,
          parameters,
          fixed: { [certificateParameter('Id')]: certificate.fingerprint },
          certificate,
          ...(asker.claim && { claimId: asker.claim.id }),
          ...(onlyDevice !== undefined && { onlyDevice }),
          ...(who.deviceId !== undefined && { own: ownOf(who.deviceId, who.fingerprint) }),
          by,
          ip: who.ip,
        }
        return admission.admit(applicant, { use: 'fleet', spend: keep })
      }),
    )
  }

  /** Nothing but the certificate changes. */
  const successor: (deviceId: string, rotates: string, certificatePem: string, keep: Parameters<Apply>[2]) => Promise<Applied> =
    async (deviceId, rotates, certificatePem, keep) => {
      const made = { deviceId, deviceConfiguration: {} }
      const by = `device ${deviceId}`
      const credential = { kind: 'x509', certificatePem } as const
      await devices.apply({ ...bare, deviceId, credential, existing: 'keep', rotates, also: keep(made), by })
      return made
    }

  const paired = async (held: HeldPairing, request: OwnRequest, key: string | undefined, ip: string): Promise<OwnIdentity> => {
    const { id, target } = held
    const { template, deviceId, parameters = {} } = target
    if (request.template !== undefined && request.template !== template)
      throw new LoomError('PROV_DENIED', `the code is not for template "${request.template.slice(0, 80)}"`)
    const { kind } = request.credentials ?? x509
    const own = { ...checkedParameters(request.parameters), ...parameters }
    const by = `pairing ${id}`
    if (kind !== 'x509' && template !== undefined) throw wrongCredentials('a pairing code without a template')
    if (kind !== 'x509') return withSecret(held, kind, { by, ip })
    const keyType =
      request.keyType ?? (template === undefined ? 'ec-p256' : ((await o.templates.get(template))?.keyType ?? 'ec-p256'))
    const asked = { principal: by, ...(template !== undefined && { template }) }
    return certified({ ...request, keyType }, key, asked, async (certificate, waiting, keep) => {
      const spend = (made: Applied) => [held.spend(made.deviceId), ...keep(made)]
      if (template === undefined) return becomes(deviceId!, { kind: 'x509', certificatePem: certificate.pem }, spend, { by, ip })
      const applicant: Applicant = {
        kind: 'pairing',
        template,
        ...waiting,
        parameters: own,
        fixed: { [certificateParameter('Id')]: certificate.fingerprint },
        certificate,
        ...(deviceId !== undefined && { onlyDevice: deviceId }),
        by,
        ip,
      }
      return admission.admit(applicant, { use: 'fleet', spend, deadline: held.expiresAt })
    })
  }

  const becomes = async (
    deviceId: string,
    credential: PlannedCredential,
    spend: (made: Applied) => readonly Write[],
    { by, ip }: { by: string; ip: string },
  ): Promise<Applied> => {
    const made = { deviceId, deviceConfiguration: {} }
    // A device that is there gets one credential more: the operator named it.
    await devices.apply({ ...bare, deviceId, credential, enrolmentId: pairingOrigin, existing: 'keep', also: spend(made), by })
    events({ type: 'provisioned', kind: 'pairing', deviceId, by, ip, at: now() })
    return made
  }

  const withSecret = async (
    held: HeldPairing,
    kind: 'sas' | 'password',
    told: { by: string; ip: string },
  ): Promise<OwnIdentity> => {
    const deviceId = held.target.deviceId!
    const spend = () => [held.spend(deviceId)]
    if (kind === 'password') {
      const password = random(18).toString('base64url')
      return { ...(await becomes(deviceId, { kind, password }, spend, told)), username: deviceId, password }
    }
    const [primaryKey, secondaryKey] = [random(32).toString('base64'), random(32).toString('base64')]
    return { ...(await becomes(deviceId, { kind, primaryKey, secondaryKey }, spend, told)), primaryKey, secondaryKey }
  }

  /** Tells of the refusal, and counts it against the code. */
  const refused = async (held: HeldPairing, ip: string, error: unknown): Promise<void> => {
    const code = error instanceof LoomError ? error.code : 'NODE_FAULT'
    await held.refused(code)
    const { template, deviceId } = held.target
    if (code === 'PROV_PENDING') return
    const reason = error instanceof LoomError ? error.message : 'unexpected failure'
    const what = { ...(template !== undefined && { template }), ...(deviceId !== undefined && { deviceId }) }
    events({ type: 'refused', kind: 'pairing', ...what, code, reason, by: `pairing ${held.id}`, ip, at: now() })
  }

  return {
    enrol: (who, request) => askers.watched(who, request.template, () => enrolled(who, request)),
    async pair(request, { ip }) {
      // A wrong request is the asker's fault only if the code is right: the code is looked at first.
      const key = readKey(request)
      return inTurn(key.hash, async () => {
        const held = await pairings.hold(request.pairingCode, { ip, ...(key.hash !== undefined && { key: key.hash }) })
        try {
          if (key.fault) throw key.fault
          if (held.usedBy !== undefined) return await again(held.usedBy, key.hash!, `pairing ${held.id}`)
          return await paired(held, request, key.hash, ip)
        } catch (error) {
          await refused(held, ip, error)
          throw error
        } finally {
          held.release()
        }
      })
    },
  }

  async function again(deviceId: string, key: string, principal: string): Promise<OwnIdentity> {
    const known = await answers.find(key)
    if (known?.principal !== principal || known.deviceId !== deviceId || (await devices.ownerOfKey(key)) !== deviceId)
      throw new LoomError('PROV_CODE_INVALID', '', { hint: 'ask the operator for a new one' })
    return { deviceId, certificatePem: known.certificatePem, deviceConfiguration: known.deviceConfiguration }
  }
}

const bare: Pick<DevicePlan, 'tags' | 'attributes' | 'desired' | 'policies' | 'groups'> = {
  tags: {},
  attributes: {},
  desired: {},
  policies: [],
  groups: [],
}

const wrongCredentials = (needs: string): LoomError =>
  new LoomError('REQUEST_INVALID', 'credentials', { hint: `only ${needs} gives another kind than x509`, position: 'credentials' })

/** Hash of the key in the request. PKI_CSR_INVALID, PKI_KEY_REFUSED. */
const keyOf = ({ csr }: OwnRequest): string | undefined => (csr === undefined ? undefined : checkCsr(csr, {}).spkiHash)

function readKey(request: OwnRequest): { hash?: string; fault?: LoomError } {
  try {
    const hash = keyOf(request)
    return hash === undefined ? {} : { hash }
  } catch (error) {
    if (error instanceof LoomError) return { fault: error }
    throw error
  }
}
