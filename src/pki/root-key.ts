import { createPublicKey, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { readBundle } from './bundle.ts'
import { type AuthorityOptions, type CaRecords, signing } from './ca-records.ts'
import type { CrlBook } from './crl-book.ts'

export interface ExportedRoot {
  certificatePem: string
  /** PKCS#8 under the passphrase, AES-256 */
  privateKeyPem: string
}

/** The root's key for safe keeping elsewhere. PKI_CA_KEY_MISSING; REQUEST_INVALID for a passphrase under 12 characters. */
export async function exportRootKey(o: AuthorityOptions, cas: CaRecords, passphrase: string): Promise<ExportedRoot> {
  const record = cas.get('root')
  const { privateKey, pem } = signing(record)
  if (typeof passphrase !== 'string' || passphrase.length < 12 || passphrase.length > 256)
    throw new LoomError('REQUEST_INVALID', 'passphrase', { hint: 'it has 12 to 256 characters' })
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()
  await cas.change(record, { ...record.doc, keyExportedAt: o.now() })
  return { certificatePem: pem, privateKeyPem }
}

/**
 * Erases the root's key, after a last revocation list of the root that lasts as long as its issuing authorities. REQUEST_INVALID unless the key was
 * exported. Until it is restored no new issuing authority can be made, and none of them revoked.
 */
export async function eraseRootKey(cas: CaRecords, crls: CrlBook): Promise<void> {
  const record = cas.get('root')
  signing(record)
  const { sealedKey, ...doc } = record.doc
  if (doc.keyExportedAt === undefined)
    throw new LoomError('REQUEST_INVALID', "the root's key was never exported", { hint: 'export it and put it away first' })
  const below = cas.all().filter(({ doc: { role, trust = 'own' } }) => role === 'issuing' && trust === 'own')
  const last = Math.max(...below.map(({ link }) => link.facts.notAfter))
  const { write, written } = await crls.final(record, last)
  await cas.change(record, doc, [write])
  written()
}

/** Brings the root's key back, PEM as exported. PKI_CA_INVALID if it is another key. */
export async function restoreRootKey(cas: CaRecords, { pem, passphrase }: { pem: string; passphrase?: string }): Promise<void> {
  const record = cas.get('root')
  const code = 'PKI_CA_INVALID'
  const { privateKey } = readBundle(pem, { code, ...(passphrase !== undefined && { passphrase }) })
  if (!privateKey || !isKeyOf(privateKey, record.link.facts.publicKey))
    throw new LoomError(code, 'this is not the private key of the root')
  await cas.change(record, { ...record.doc, sealedKey: cas.sealed(record.id, privateKey) })
}

const isKeyOf = (privateKey: KeyObject, publicKey: KeyObject) => createPublicKey(privateKey).equals(publicKey)
