import type { RevocationReason } from '../../pki/crl.ts'
import { keyTypes } from '../../pki/keys.ts'
import { tokenAlgorithms } from '../../identity/token-verifier.ts'
import type { Schema } from './schema.ts'
import { count, flag, free, listOf, object, open, text, textTo, time } from './shapes.ts'

const pem = textTo(200_000, 'PEM')

/** As in RFC 5280, 5.3.1. */
const reasons: Record<RevocationReason, true> = {
  unspecified: true,
  keyCompromise: true,
  cACompromise: true,
  affiliationChanged: true,
  superseded: true,
  cessationOfOperation: true,
  certificateHold: true,
  privilegeWithdrawn: true,
  aACompromise: true,
}

export const keySlot: Schema = object({ slot: { type: 'string', enum: ['primary', 'secondary'] } }, ['slot'])
export const revocation = { reason: { type: 'string', enum: Object.keys(reasons) } } as const satisfies Record<string, Schema>

export const issuerRequest: Schema = object(
  {
    issuer: textTo(512, '`iss` of its tokens'),
    audience: textTo(512, 'what `aud` must hold'),
    algorithm: { type: 'string', enum: tokenAlgorithms },
    keys: object({ jwksUrl: textTo(1024), jwks: object({ keys: listOf(free) }, ['keys']), publicKeyPem: pem }, [], {
      description: 'one of the three',
    }),
    subjectClaim: textTo(512, 'the claim that names the device, default `sub`'),
    enabled: flag,
    authorizer: object({ name: textTo(128), tokenKeyName: textTo(128), signingKeyPem: pem }, ['name'], {
      description: 'AWS custom authorizer of that name',
    }),
  },
  ['issuer', 'audience', 'algorithm', 'keys'],
)

export const caRequest: Schema = object(
  {
    pem,
    trust: { type: 'string', enum: ['proof', 'operator'], description: 'default proof' },
    name: textTo(128),
  },
  ['pem'],
)
export const caProof: Schema = object({ proofPem: pem }, ['proofPem'])
export const caPatch: Schema = object({ active: flag }, ['active'])
export const caImport: Schema = object(
  { pem, passphrase: textTo(256), serves: { ...flag, description: "also for the server's certificate" }, name: textTo(128) },
  ['pem'],
)
export const rootExport: Schema = object({ passphrase: textTo(256, 'at least 12 characters') }, ['passphrase'])
export const rootRestore: Schema = object({ pem, passphrase: textTo(256) }, ['pem'])

export const certificateRequest: Schema = object({
  csrPem: { ...textTo(32_768), description: 'signed as it is; else a key is made' },
  keyType: { type: 'string', enum: keyTypes },
  days: { type: 'integer', minimum: 1, maximum: 3650 },
  format: { type: 'string', enum: ['pem', 'p12'], description: 'default pem' },
  password: textTo(256, 'of the p12 file'),
  friendlyName: textTo(256, 'what key stores show of the p12 file'),
})

/** Components of the OpenAPI document. */
export const pkiSchemas: Readonly<Record<string, Schema>> = {
  Issuer: open({ id: text, issuer: text, audience: text, algorithm: text, keys: free, subjectClaim: text, enabled: flag }, [
    'id',
    'issuer',
    'enabled',
  ]),
  Ca: open(
    {
      id: text,
      role: text,
      name: text,
      subject: text,
      serial: text,
      fingerprint: text,
      notBefore: time,
      notAfter: time,
      status: text,
      trust: text,
      imported: flag,
      serves: flag,
      hasKey: flag,
      codeEndsAt: time,
      crlNumber: count,
      nextUpdate: time,
      crlAlarm: { ...flag, description: 'its revocation list ends soon' },
    },
    ['id', 'role', 'subject', 'status', 'hasKey'],
  ),
  RegisteredCa: object({ id: text, code: { ...text, description: 'common name of the proof' }, codeEndsAt: time }, ['id']),
  ExportedRoot: object({ certificatePem: text, privateKeyPem: { ...text, description: 'under the passphrase' } }, [
    'certificatePem',
    'privateKeyPem',
  ]),
  Certificate: open(
    {
      certificatePem: text,
      chainPem: text,
      privateKeyPem: { ...text, description: 'if the key was made here' },
      caPem: text,
      fingerprint: text,
      serial: text,
      notAfter: time,
    },
    ['certificatePem', 'chainPem', 'caPem', 'fingerprint'],
  ),
}
