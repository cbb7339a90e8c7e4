import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { createCsr } from '../pki/csr.ts'

/** A key and its certificate. PEM; `certPem` is the leaf followed by its chain. */
export interface CertificateCredential {
  keyPem: string
  certPem: string
  /** It is to take the place of another one and was not used yet. */
  successor?: true
}

/** A shared key of an Azure device. */
export interface KeyCredential {
  /** base64 */
  sharedKey: string
  /** `host[:port]` as the device was told: it signs its tokens for it */
  hub: string
  /** where that is, if it is not the hub that the simulator belongs to */
  dial?: { host: string; port: number }
}

/** What a device proves itself with. */
export type DeviceCredential = CertificateCredential | KeyCredential

export interface EnrolRequest {
  id: string
  /** the same for each try of a device, until one succeeds: what a person decides is about its key */
  csrPem: string
}
/** The chain may be empty. */
export interface Certificates {
  certificatePem: string
  chainPem?: string
}
/** Has a certificate made for a request, or gets a shared key: then the request is of no use. */
export type Enrol = (request: EnrolRequest) => Promise<Certificates | KeyCredential>

/** A key of its own, which never leaves this machine, and the request for its certificate. */
export interface KeyRequest {
  privateKey: KeyObject
  csrPem: string
}

const makeKeyPair = promisify(generateKeyPair)

export async function newKeyRequest(id: string): Promise<KeyRequest> {
  const { publicKey, privateKey } = await makeKeyPair('ec', { namedCurve: 'prime256v1' })
  return { privateKey, csrPem: createCsr({ id, publicKey, privateKey }) }
}

/** The key with the certificate that was made for it. */
export function credentialOf({ privateKey }: KeyRequest, { certificatePem, chainPem = '' }: Certificates): CertificateCredential {
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { keyPem, certPem: [...new Set([...blocksOf(certificatePem), ...blocksOf(chainPem)])].join('\n') }
}

/** The PEM blocks of a text. */
export const blocksOf = (pem: string): string[] => pem.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? []
