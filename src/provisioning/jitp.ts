import { X509Certificate } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Admission, Admitted } from './fleet-provisioning-admission.ts'
import type { FleetEvent } from './fleet-provisioning-port.ts'
import { type CertificateField, certificateParameter } from './template-expression.ts'
import type { Parameters } from './template-expand.ts'

/** An unknown certificate whose chain to a registered CA was verified. */
export interface JitpCandidate {
  /** of the CA: what unknown certificates of it become */
  template: string
  /** PEM */
  certificatePem: string
  /** SHA-256 of the DER, lower hex */
  fingerprint: string
  spkiHash: string
  ip: string
}

export interface Jitp {
  /**
   * Makes a device of the certificate, within the time that a CONNECT can wait. CONNECTs of the same certificate at the same time share one run. Codes as `Admission.admit`;
   * after a failure nothing is there, save that a person may have been asked.
   */
  admitByTemplate(candidate: JitpCandidate): Promise<Admitted>
}

/** How long a CONNECT is held at most. */
export const jitpHoldMs = 10_000
const pendingMs = 24 * 3_600_000

export function createJitp(o: { admission: Admission; events(event: FleetEvent): void; now: () => number }): Jitp {
  const { admission, events, now } = o
  const running = new Map<string, Promise<Admitted>>()

  const run = async ({ template, certificatePem, fingerprint, spkiHash, ip }: JitpCandidate): Promise<Admitted> => {
    const by = `certificate ${fingerprint}`
    try {
      const { parameters, subject } = subjectOf(certificatePem)
      return await admission.admit(
        {
          kind: 'jitp',
          template,
          id: `jitp-${fingerprint.slice(0, 32)}`,
          parameters: {},
          fixed: { ...parameters, [certificateParameter('Id')]: fingerprint },
          certificate: { pem: certificatePem, fingerprint, spkiHash, subject },
          by,
          ip,
          until: now() + pendingMs,
        },
        { use: 'jitp', spend: [], deadline: now() + jitpHoldMs },
      )
    } catch (error) {
      if (error instanceof LoomError && error.code !== 'PROV_PENDING')
        events({
          type: 'refused',
          kind: 'jitp',
          template,
          fingerprint,
          code: error.code,
          reason: error.message,
          by,
          ip,
          at: now(),
        })
      throw error
    }
  }

  return {
    admitByTemplate(candidate) {
      const { fingerprint } = candidate
      const same = running.get(fingerprint)
      if (same) return same
      const started = run(candidate).finally(() => running.delete(fingerprint))
      running.set(fingerprint, started)
      return started
    },
  }
}

/** Attribute types of a subject as OpenSSL abbreviates them. */
const fields: readonly (readonly [short: string, field: CertificateField])[] = [
  ['C', 'Country'],
  ['O', 'Organization'],
  ['OU', 'OrganizationalUnit'],
  ['dnQualifier', 'DistinguishedNameQualifier'],
  ['ST', 'StateName'],
  ['CN', 'CommonName'],
  ['serialNumber', 'SerialNumber'],
]

/** The subject's fields as template parameters. One that comes several times says nothing certain and is left out. CRED_INVALID. */
export function subjectOf(certificatePem: string): { parameters: Parameters; subject: string } {
  try {
    const certificate = new X509Certificate(certificatePem)
    const values = (certificate.toLegacyObject().subject ?? {}) as unknown as Readonly<
      Record<string, string | string[] | undefined>
    >
    const found = fields.flatMap(([short, field]) => {
      const value = values[short]
      return typeof value === 'string' && value !== '' ? [[certificateParameter(field), value] as const] : []
    })
    return { parameters: Object.fromEntries(found), subject: certificate.subject.split('\n').join(', ').slice(0, 256) }
  } catch (cause) {
    throw new LoomError('CRED_INVALID', 'this is not an X.509 certificate', { cause })
  }
}
