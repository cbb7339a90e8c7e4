import { LoomError } from '../errors.ts'
import type { Authority } from '../pki/authority.ts'
import { readForeignCertificate } from '../pki/certificate.ts'
import type { CredentialRequest, DeviceSecrets } from './credential-types.ts'
import type { Credential } from './identity.ts'
import type { Passwords } from './password.ts'
import type { Sealer } from './seal.ts'

/** Without `?`, behind which a CONNECT carries parameters. */
export const isUsername = (text: string): boolean => /^[^\p{Cc}?]{1,128}$/u.test(text)

export interface CredentialParts {
  sealer: Sealer
  authority: Pick<Authority, 'rootPem' | 'issuerOf' | 'issueDevice'>
  passwords: Passwords
  now: () => number
  random: (size: number) => Buffer
  /** the name devices dial */
  hostName: () => string
  /** who has a certificate for that key */
  ownerOfKey: (spkiHash: string) => Promise<string | undefined>
}

export interface NewCredential {
  credential: Credential
  secrets: DeviceSecrets
}

/** What is stored and what the asker gets, once. CRED_INVALID, PKI_*, REQUEST_INVALID; no message repeats a secret. */
export async function newCredential(parts: CredentialParts, id: string, request: CredentialRequest): Promise<NewCredential> {
  const cid = parts.random(8).toString('hex')
  const base = { cid, status: 'active', createdAt: parts.now() } as const
  const caPem = parts.authority.rootPem
  switch (request.kind) {
    case 'sas': {
      const primaryKey = sasKey(parts, request.primaryKey)
      const secondaryKey = sasKey(parts, request.secondaryKey)
      const sealed = (key: string, field: string) => parts.sealer.seal(key, { owner: id, cid, field })
      const credential = {
        ...base,
        kind: 'sas',
        primaryKey: sealed(primaryKey, 'primaryKey'),
        secondaryKey: sealed(secondaryKey, 'secondaryKey'),
        hint: parts.sealer.hint(primaryKey),
        secondaryHint: parts.sealer.hint(secondaryKey),
      } as const
      const connectionString = `HostName=${parts.hostName()};DeviceId=${id};SharedAccessKey=${primaryKey}`
      return { credential, secrets: { cid, kind: 'sas', primaryKey, secondaryKey, connectionString, caPem } }
    }
    case 'password': {
      const username = request.username ?? id
      if (!isUsername(username))
        throw new LoomError('CRED_INVALID', 'user name', { hint: 'it has 1 to 128 characters, no control characters and no ?' })
      const password = request.password ?? parts.random(18).toString('base64url')
      if (password.length < 8 || password.length > 256)
        throw new LoomError('CRED_INVALID', `a password of ${password.length} characters`, { hint: 'it has 8 to 256' })
      const credential = { ...base, kind: 'password', username, hash: await parts.passwords.hash(password) } as const
      return { credential, secrets: { cid, kind: 'password', username, password, caPem } }
    }
    case 'x509': {
      if (request.certificatePem === undefined) return issued(parts, id, request, base, caPem)
      if (request.csrPem !== undefined)
        throw new LoomError('CRED_INVALID', 'a request and a certificate', { hint: 'give one of them' })
      const { fingerprint, serial, subject, spkiHash, notBefore, notAfter, pem } = readForeignCertificate(request.certificatePem)
      if (notAfter <= parts.now())
        throw new LoomError('CRED_EXPIRED', `the certificate ended at ${new Date(notAfter).toISOString()}`)
      const owner = await parts.ownerOfKey(spkiHash)
      if (owner !== undefined && owner !== id) throw new LoomError('PKI_KEY_REUSED', `device "${owner}" has it`)
      // one of ours that was made before its device had a name
      const issuerId = parts.authority.issuerOf(pem)
      const facts = {
        fingerprint,
        serial,
        subject,
        spkiHash,
        notBefore,
        notAfter,
        pem,
        ...(issuerId !== undefined && { issuerId }),
      }
      const credential = { ...base, kind: 'x509', ...facts } as const
      return { credential, secrets: { cid, kind: 'x509', certificatePem: pem, caPem } }
    }
    case 'x509-group': {
      const { caId, match = 'cn' } = request
      if (!isName(caId) || !['cn', 'san-uri'].includes(match))
        throw new LoomError('CRED_INVALID', 'a group of certificates', { hint: 'give caId, and match cn or san-uri' })
      return { credential: { ...base, kind: 'x509-group', caId, match }, secrets: { cid, kind: 'x509-group', caPem } }
    }
    case 'sas-derived': {
      const { groupId, registrationId = id } = request
      if (!isName(groupId))
        throw new LoomError('CRED_INVALID', 'a derived key', { hint: 'give the groupId of an enrolment group' })
      return {
        credential: { ...base, kind: 'sas-derived', groupId, registrationId },
        secrets: { cid, kind: 'sas-derived', caPem },
      }
    }
    case 'jwt': {
      const { tokenIssuer, tokenSubject = id } = request
      if (!isName(tokenIssuer) || typeof tokenSubject !== 'string' || !/^[^\p{Cc}]{1,256}$/u.test(tokenSubject))
        throw new LoomError('CRED_INVALID', 'a token subject', {
          hint: 'give tokenIssuer and tokenSubject, 1 to 256 characters',
        })
      const credential = { ...base, kind: 'jwt', issuerId: tokenIssuer, subject: tokenSubject } as const
      return { credential, secrets: { cid, kind: 'jwt', caPem } }
    }
    default:
      throw new LoomError('CRED_INVALID', 'its kind', {
        hint: 'kinds are sas, x509, password, x509-group, sas-derived and jwt',
      })
  }
}

/** A key that was put in the place of a name is not kept, nor shown, as one. */
const isName = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z0-9][\w:.-]{0,127}$/.test(value)

async function issued(
  parts: CredentialParts,
  id: string,
  request: Extract<CredentialRequest, { kind: 'x509' }>,
  base: { cid: string; status: 'active'; createdAt: number },
  caPem: string,
): Promise<NewCredential> {
  const { csrPem, keyType, days } = request
  const made = await parts.authority.issueDevice({
    id,
    ...(csrPem !== undefined && { csrPem }),
    ...(keyType !== undefined && { keyType }),
    ...(days !== undefined && { days }),
    ownerOfKey: parts.ownerOfKey,
  })
  const { certificatePem, chainPem, privateKeyPem, fingerprint, serial, issuerId, spkiHash, subject, notBefore, notAfter } = made
  return {
    credential: {
      ...base,
      kind: 'x509',
      fingerprint,
      serial,
      issuerId,
      subject,
      spkiHash,
      notBefore,
      notAfter,
      pem: certificatePem,
    },
    secrets: { cid: base.cid, kind: 'x509', certificatePem, chainPem, ...(privateKeyPem && { privateKeyPem }), caPem },
  }
}

function sasKey(parts: CredentialParts, given: string | undefined): string {
  if (given === undefined) return parts.random(32).toString('base64')
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(given) ? Buffer.from(given, 'base64') : Buffer.alloc(0)
  if (bytes.length < 16 || bytes.length > 64 || bytes.toString('base64') !== given)
    throw new LoomError('CRED_INVALID', 'a SAS key', { hint: 'it is base64 of 16 to 64 bytes' })
  return given
}
