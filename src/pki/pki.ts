/** The package's `./pki` subpath: certificates as pure functions; time and randomness are arguments. */
export { type Bundle, readBundle } from './bundle.ts'
export { type CertificateFacts, fingerprintOf, readCertificate } from './certificate.ts'
export { type ChainDemands, type VerifiedChain, verifyChain } from './chain.ts'
export { createCrl, type Crl, type CrlEntry, type RevocationReason, revocationReasons } from './crl.ts'
export { type CrlFacts, readCrl } from './crl-reader.ts'
export { checkCsr, type CsrDemands, type CsrFacts, createCsr, readCsr } from './csr.ts'
export type { AlternativeNames } from './extensions.ts'
export {
  type CertificateAuthority,
  createIntermediate,
  createRoot,
  type Issued,
  type Issuer,
  issuer,
  type LeafRequest,
  type RandomBytes,
  unnamedDevice,
} from './issuer.ts'
export { generateKey, type KeyPair, type KeyType, keyTypes } from './keys.ts'
export { createPkcs12 } from './pkcs12.ts'
export { codeHashOf, verifyPossession } from './possession.ts'
export { signSas, verifySas } from '../identity/sas.ts'
