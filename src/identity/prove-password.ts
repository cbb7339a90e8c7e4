import { createVerify } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Proof } from './authenticate.ts'
import { basisOfIssuer } from './basis.ts'
import { checkStatus, counts } from './check-status.ts'
import type { Issuers } from './issuers.ts'
import type { Registry } from './registry.ts'
import type { Sealer } from './seal.ts'
import { claimedIssuer, looksLikeToken, type TokenIssuer, type TokenVerifier } from './token-verifier.ts'

/** Bearer tokens: who may issue them, and how they are checked. */
export interface TokenProofs {
  verifier: TokenVerifier
  issuers: Pick<Issuers, 'get' | 'byIss' | 'byAuthorizer'>
}

interface Offered {
  username?: string
  password?: string
  query: Readonly<Record<string, string>>
}

/** Proof by user name and password, where the password may be a bearer token; undefined if neither was offered. */
export function createPasswordProof(o: { registry: Registry; sealer: Sealer; now: () => number; tokens?: TokenProofs }) {
  const { registry, sealer, now, tokens } = o

  const byToken = async (token: string, issuer: TokenIssuer): Promise<Proof> => {
    const basis = basisOfIssuer(sealer, issuer)
    const { subject, expiresAt } = await tokens!.verifier.verify(token, issuer, now())
    const found = await registry.findByToken(issuer.id, subject)
    if (!found) throw new LoomError('CRED_UNKNOWN', `subject "${subject.slice(0, 80)}" of issuer "${issuer.id}"`)
    const { identity, credential } = found
    const { pending } = checkStatus(identity, credential)
    return { identity, cid: credential.cid, kind: 'jwt', expiresAt, basis, pending }
  }

  /** AWS custom authorizers are named in the user name; the token is there or in the password (its signature proves that the device was given it). */
  const byAuthorizer = async ({ password, query }: Offered): Promise<Proof> => {
    const name = query['x-amz-customauthorizer-name'] ?? ''
    const issuer = tokens?.issuers.byAuthorizer(name)
    if (!issuer) throw new LoomError('CRED_UNKNOWN', `custom authorizer "${name.slice(0, 80)}"`)
    const { tokenKeyName, signingKeyPem } = issuer.authorizer!
    const token = (tokenKeyName !== undefined && query[tokenKeyName]) || password
    if (!token) throw new LoomError('CRED_MISSING', `no token for authorizer "${name}"`)
    if (signingKeyPem) {
      const signature = Buffer.from(query['x-amz-customauthorizer-signature'] ?? '', 'base64')
      if (!createVerify('sha256').update(token).verify(signingKeyPem, signature))
        throw new LoomError('CRED_INVALID', `the signature of the token for authorizer "${name}"`)
    }
    return byToken(token, issuer)
  }

  const byPassword = async (username: string, password: string): Promise<Proof> => {
    const identity = await registry.findByUsername(username)
    // Not the name itself: whoever mixes up the two fields sends the password there, and others may read this.
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', `a user name of ${username.length} characters`)
    for (const credential of identity.credentials) {
      if (credential.kind !== 'password' || !counts(credential) || credential.username !== username) continue
      const { cid, hash, status } = credential
      if (await registry.verifyPassword({ cid, password, hash }))
        return { identity, cid, kind: 'password', pending: status === 'pending' }
    }
    throw new LoomError('CRED_INVALID', `password of "${identity.id}"`)
  }

  return async (offered: Offered): Promise<Proof | undefined> => {
    const { username = '', password } = offered
    if (offered.query['x-amz-customauthorizer-name'] !== undefined) return byAuthorizer(offered)
    if (!password) return undefined
    if (tokens && looksLikeToken(password)) {
      const issuer = tokens.issuers.byIss(claimedIssuer(password) ?? '')
      if (issuer) return byToken(password, issuer)
    }
    return byPassword(username, password)
  }
}
