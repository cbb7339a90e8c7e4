import { LoomError } from '../errors.ts'
import type { DeviceSecrets, Hub } from '../hub/hub.ts'
import { readCertificate } from '../pki/certificate.ts'
import type { PemLabel } from '../pki/pem.ts'
import { pkcs12Of } from './admin/pkcs12.ts'
import type { CertificateItem } from './certificate-item.ts'
import { onlyOne } from './device-actions.ts'
import { reasonOf } from './revocation-reason.ts'

export interface CertificateAnswer {
  /** for output 1 */
  payload: object
  device?: string | undefined
  /** for output 2: in this one answer and nowhere after */
  key?: { privateKeyPem: string; certificatePem: string; chainPem: string; caPem: string; cid?: string }
  /** for the status */
  label: string
}

export interface CertificateWork {
  hub: Hub
  item: CertificateItem
  /** of p12 */
  password: string | undefined
  /** who did it, for the audit trail */
  by: string
}
type Action = (work: CertificateWork) => Promise<CertificateAnswer>
type Made = Pick<DeviceSecrets, 'privateKeyPem' | 'chainPem' | 'caPem'> & { certificatePem: string; cid?: string }

function answerOf(
  { cid, certificatePem, chainPem = certificatePem, caPem, privateKeyPem }: Made,
  device?: string,
): CertificateAnswer {
  const { fingerprint, serial, subject, notBefore, notAfter } = readCertificate(certificatePem)
  const named = { ...(cid !== undefined && { cid }) }
  return {
    payload: { ...named, pem: certificatePem, chain: chainPem, ca: caPem, fingerprint, serial, subject, notBefore, notAfter },
    device,
    ...(privateKeyPem && { key: { ...named, privateKeyPem, certificatePem, chainPem, caPem } }),
    label: device ?? fingerprint.slice(0, 16),
  }
}

/** A key made by the hub, or one whose request is signed. */
const wantedOf = ({ pem, keyType, days }: CertificateItem) => ({
  ...(pem !== undefined ? { csrPem: pem } : keyType && { keyType }),
  ...(days !== undefined && { days }),
})

const issue: Action = async ({ hub, item, by }) => {
  const { device: id } = item
  if (id === undefined) return answerOf(await hub.pki.issue({ ...wantedOf(item), by }))
  const credential = { kind: 'x509', ...wantedOf(item) } as const
  return answerOf((await hub.identity.addCredential({ id, credential, by })) as Made, id)
}

const renew: Action = async ({ hub, item, by }) => {
  const { device: id, overlapMs } = item
  if (id === undefined) throw noDevice('renew')
  const credential = { kind: 'x509', ...wantedOf(item) } as const
  const made = await hub.identity.rotate({ id, credential, by, ...(overlapMs !== undefined && { overlapMs }) })
  return answerOf(made as Made, id)
}

const revoke: Action = async ({ hub, item, by }) => {
  const { device: id, cid, pem } = item
  if (id === undefined) throw noDevice('revoke')
  const reason = reasonOf(item.reason)
  const fingerprint = item.fingerprint ?? (pem === undefined ? undefined : readCertificate(pem).fingerprint)
  const meant = await onlyOne(
    hub.devices,
    id,
    one =>
      one.kind === 'x509' &&
      (cid === undefined && fingerprint === undefined
        ? one.status !== 'revoked'
        : one.cid === cid || (cid === undefined && one.fingerprint === fingerprint)),
  )
  await hub.identity.revokeCredential({ id, cid: meant.cid, by, ...(reason && { reason }) })
  const payload = { cid: meant.cid, fingerprint: meant.fingerprint, serial: meant.serial, revoked: true, reason }
  return { payload: JSON.parse(JSON.stringify(payload)), device: id, label: id }
}

const crl: Action = async ({ hub: { pki }, item }) => {
  const listed = (await pki.cas({})).filter(({ id, crlNumber }) => crlNumber !== undefined && (!item.ca || id === item.ca))
  if (!listed.length) throw new LoomError('NOT_FOUND', `revocation list of ${String(item.ca).slice(0, 64)}`)
  const texts = await Promise.all(listed.map(({ id }) => pki.ca({ id })))
  return {
    payload: {
      pem: texts.map(({ crlPem = '' }) => crlPem).join(''),
      chain: texts.map(({ certificatePem }) => certificatePem).join(''),
      authorities: listed.map(({ id, subject, crlNumber, nextUpdate }) => ({ id, subject, crlNumber, nextUpdate })),
    },
    label: String(listed.length),
  }
}

const p12: Action = async ({ item, password }) => {
  const { privateKeyPem, chainPem, caPem, device, friendlyName = device } = item
  if (!privateKeyPem || !chainPem)
    throw new LoomError('REQUEST_INVALID', 'a p12 file without key or certificate', {
      hint: 'set privateKeyPem and chainPem in the payload, as the second output of this node has them',
    })
  if (!password)
    throw new LoomError('REQUEST_INVALID', 'a p12 file without password', {
      hint: 'set msg.certificate.password, or the password of the node',
    })
  const bytes = await pkcs12Of({
    certificates: [chainPem, ...(caPem ? [caPem] : [])],
    privateKey: privateKeyPem,
    password,
    ...(friendlyName !== undefined && { friendlyName }),
  })
  return { payload: Buffer.from(bytes), device, label: `${bytes.length} B` }
}

const registerCa: Action = async ({ hub, item: { pem, name, trust }, by }) => {
  if (pem === undefined) throw new LoomError('PKI_CA_INVALID', 'no certificate in the payload', { hint: 'give it as PEM' })
  const made = await hub.pki.registerCa({ pem, by, ...(name !== undefined && { name }), ...(trust && { trust }) })
  return { payload: made, label: made.id }
}

const verifyCa: Action = async ({ hub, item: { ca, pem }, by }) => {
  if (!ca) throw new LoomError('REQUEST_INVALID', 'no CA is named', { hint: 'set msg.certificate.ca to the id from register-ca' })
  if (pem === undefined) throw new LoomError('PKI_PROOF_FAILED', 'no certificate in the payload', { hint: 'give it as PEM' })
  const view = await hub.pki.verifyCa({ id: ca, proofPem: pem, by })
  return { payload: view, label: view.id }
}

const sign: Action = async work => {
  if (work.item.pem === undefined)
    throw new LoomError('PKI_CSR_INVALID', 'no request in the payload', { hint: 'give it as PEM, BEGIN CERTIFICATE REQUEST' })
  return issue(work)
}

const noDevice = (action: string): LoomError =>
  new LoomError('READING_DEVICE', action, { hint: 'set msg.device, or the device of the node' })

/** What `loom-certificate` can do, and what a payload of bytes is for it. Errors are the hub's, and those of a message that lacks something. */
export const certificateActions: Readonly<Record<string, { run: Action; label: PemLabel }>> = {
  issue: { run: issue, label: 'CERTIFICATE REQUEST' },
  sign: { run: sign, label: 'CERTIFICATE REQUEST' },
  renew: { run: renew, label: 'CERTIFICATE REQUEST' },
  revoke: { run: revoke, label: 'CERTIFICATE' },
  crl: { run: crl, label: 'X509 CRL' },
  p12: { run: p12, label: 'CERTIFICATE' },
  'register-ca': { run: registerCa, label: 'CERTIFICATE' },
  'verify-ca': { run: verifyCa, label: 'CERTIFICATE' },
}
