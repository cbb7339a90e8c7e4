/** The package's `./pki` subpath: certificates as pure functions; time and randomness are arguments. */
export { type CertificateFacts, fingerprintOf, readCertificate } from './certificate.ts'
export { type CsrFacts, createCsr, readCsr } from './csr.ts'
export {
  type CertificateAuthority,
  createIntermediate,
  createRoot,
  type Issued,
  type Issuer,
  issuer,
  type LeafRequest,
} from './issuer.ts'
export { generateKey, type KeyType } from './keys.ts'
