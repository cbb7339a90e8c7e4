import { LoomError } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import { Anchors, type Vouched } from './anchors.ts'
import { type AuthorityOptions, CaRecords, isActive } from './ca-records.ts'
import { type CaView, caViewOf } from './ca-view.ts'
import { CrlBook, type CrlState } from './crl-book.ts'
import { type ImportRequest, importIssuing } from './import-issuing.ts'
import { issuerOf } from './issuer-of.ts'
import { openIssuing } from './issuing.ts'
import {
  type DeviceCertificate,
  type DeviceRequest,
  openLeafCertificates,
  type ServerCertificate,
  type UnnamedRequest,
} from './leaf-certificates.ts'
import { registerCa, type RegisterCaRequest, type RegisteredCa, removeCa, setCaActive, verifyCa } from './registered-cas.ts'
import { type Revocation, Revocations, revocationWrite } from './revocations.ts'
import { eraseRootKey, type ExportedRoot, exportRootKey, restoreRootKey } from './root-key.ts'

export type { Vouched } from './anchors.ts'
export type { AuthorityOptions, CaRole, CaStatus, CaTrust, KeySeal } from './ca-records.ts'
export type { CaView } from './ca-view.ts'
export type { CrlState } from './crl-book.ts'
export type { ImportRequest } from './import-issuing.ts'
export type { DeviceCertificate, DeviceRequest, ServerCertificate, UnnamedRequest } from './leaf-certificates.ts'
export type { RegisterCaRequest, RegisteredCa } from './registered-cas.ts'
export type { Revocation } from './revocations.ts'
export type { ExportedRoot } from './root-key.ts'

/** The hub's certificate authorities, their lists, and the CAs of others that it trusts. */
export interface Authority {
  /** What devices shall trust: the root, and the top of an imported authority if that signs for the server. */
  readonly rootPem: string
  /** the authority that signs for devices now */
  readonly issuingPem: string
  /** Signs the request, or makes a key as well. PKI_*, REQUEST_INVALID. */
  issueDevice(request: DeviceRequest): Promise<DeviceCertificate>
  /** Whether `issueDevice` would do it; nothing is made. `spkiHash`: of the key in the request. PKI_*. */
  checkDevice(request: Pick<DeviceRequest, 'id' | 'csrPem' | 'keyType' | 'ownerOfKey'>): Promise<{ spkiHash?: string }>
  /** For a device whose name is not known yet: the certificate names none. Any common name in the request will do. PKI_*, REQUEST_INVALID. */
  issueUnnamed(request: UnnamedRequest): Promise<DeviceCertificate>
  /** The kept one while it covers exactly these names and is in the first two thirds of its life, else a new one. */
  serverCertificate(o: { names: readonly string[] }): Promise<ServerCertificate>

  /** The CA with a key here that signed a certificate (PEM), undefined if none did. */
  issuerOf(certificatePem: string): string | undefined

  cas(): CaView[]
  /** NOT_FOUND. */
  certificatePem(id: string): string
  /** The newest revocation list; NOT_FOUND for CAs whose key never was here. */
  crlPem(id: string): Promise<string>
  crlDer(id: string): Promise<Buffer>
  /** Makes each list that is a day old anew, and all of them at the first call after a start. Returns the CAs concerned. */
  renewCrls(): Promise<string[]>
  /** Lists that end in less than 48 h: verifiers with an ended list refuse everyone. */
  crlAlarms(): CrlState[]
  /** For a transaction that has more to write; then tell `revoke` with `written`. What other CAs issued is left out. */
  revocationWrites(revocations: readonly Revocation[]): Write[]
  /**
   * Keeps the revocations (unless `written`) and makes new lists of the CAs concerned, which takes long with many of them: better once for several
   * revocations. What other CAs issued is left out. PKI_CA_KEY_MISSING, before anything is kept.
   */
  revoke(revocations: readonly Revocation[], o?: { written?: boolean }): Promise<string[]>

  /** A CA of someone else, to vouch for devices: pending until its owner has proved the key, or at once by an operator's decision. */
  registerCa(request: RegisterCaRequest): Promise<RegisteredCa>
  /** `proofPem`: a certificate with CN = code, signed by the CA. PKI_PROOF_FAILED, NOT_FOUND. */
  verifyCa(o: { id: string; proofPem: string }): Promise<CaView>
  setCaActive(o: { id: string; active: boolean }): Promise<CaView>
  removeCa(o: { id: string }): Promise<void>
  /** Which active registered CA vouches for a chain (DER, the peer's own certificate first); undefined if none. Codes of `verifyChain`. */
  anchorsFor(chain: readonly Uint8Array[]): Vouched | undefined
  /** The same as the identity domain asks for it. */
  anchorOf(
    certificate: { der: Uint8Array; issuers?: readonly Uint8Array[] },
    now: number,
  ): Promise<{ caId: string; cn?: string; sanUris: readonly string[] } | undefined>
  /** Certificate of an active registered CA, else undefined: an anchor for `verifyChain`. */
  anchorPem(id: string): string | undefined

  /** An issuing authority with its key: device certificates, and the server's if it `serves`, come from it from now on. PKI_CA_INVALID, PKI_CA_EXISTS. */
  importIssuing(request: ImportRequest): Promise<CaView>
  exportRootKey(o: { passphrase: string }): Promise<ExportedRoot>
  eraseRootKey(): Promise<void>
  restoreRootKey(o: { pem: string; passphrase?: string }): Promise<void>
}

/** Loads the hub's root and issuing authorities, or makes them; private keys are kept sealed. A new issuing authority comes at half life. */
export async function openAuthority(o: AuthorityOptions): Promise<Authority> {
  const cas = await CaRecords.open(o)
  const issuing = await openIssuing(o, cas)
  const leaves = await openLeafCertificates(o, cas, issuing)
  const revocations = new Revocations(o.store)
  await revocations.open()
  const crls = new CrlBook(o, cas, revocations)
  await crls.open()
  const anchors = new Anchors(cas)

  const viewOf = (id: string) => caViewOf(cas.get(id), crls.find(id))
  /** Those of CAs that make lists here. PKI_CA_KEY_MISSING. */
  const ours = (list: readonly Revocation[]): Revocation[] =>
    list.filter(({ issuerId }) => {
      const record = cas.find(issuerId)
      if (!record || record.doc.role === 'registered') return false
      if (!record.privateKey)
        throw new LoomError('PKI_CA_KEY_MISSING', `"${issuerId}"`, { hint: 'restore the key before you revoke what it signed' })
      return true
    })

  return {
    get rootPem() {
      return issuing.rootPem
    },
    get issuingPem() {
      return issuing.issuingPem
    },
    ...leaves,

    issuerOf: pem => issuerOf(cas, pem),
    cas: () => cas.all().map(({ id }) => viewOf(id)),
    certificatePem: id => cas.get(id).link.facts.pem,
    crlPem: async id => (await crls.list(id)).pem,
    crlDer: async id => (await crls.list(id)).der,
    renewCrls: () => crls.renew(),
    crlAlarms: () => crls.states().filter(({ alarm }) => alarm),
    revocationWrites: list => ours(list).map(revocationWrite),
    async revoke(list, { written = false } = {}) {
      const kept = ours(list)
      if (!written) await revocations.write(kept)
      revocations.note(kept)
      const issuers = [...new Set(kept.map(({ issuerId }) => issuerId))]
      for (const id of issuers) await crls.issue(cas.get(id))
      return issuers
    },

    registerCa: request => registerCa(o, cas, request),
    async verifyCa(request) {
      await verifyCa(o, cas, request)
      return viewOf(request.id)
    },
    async setCaActive(request) {
      await setCaActive(cas, request)
      return viewOf(request.id)
    },
    removeCa: request => removeCa(cas, request),
    anchorsFor: chain => anchors.find(chain, o.now()),
    async anchorOf({ der, issuers = [] }, now) {
      const vouched = anchors.find([der, ...issuers], now)
      const cn = vouched?.leaf.subjectCn
      return vouched && { caId: vouched.caId, ...(cn !== undefined && { cn }), sanUris: vouched.uris }
    },
    anchorPem(id) {
      const record = cas.find(id)
      return record?.doc.role === 'registered' && isActive(record) ? record.link.facts.pem : undefined
    },

    importIssuing: async request => viewOf((await importIssuing(o, cas, request)).id),
    exportRootKey: ({ passphrase }) => exportRootKey(o, cas, passphrase),
    eraseRootKey: () => eraseRootKey(cas, crls),
    restoreRootKey: request => restoreRootKey(cas, request),
  }
}
