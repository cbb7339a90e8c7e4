import { createPublicKey } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { type IssuerKeys, type TokenIssuer, tokenAlgorithms } from './token-verifier.ts'

const coll = 'token_issuers'
const mostIssuers = 100

export interface IssuerChange {
  /** who did it, for the change feed */
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

export type IssuerView = TokenIssuer & { etag: string }
export type NewIssuer = Omit<TokenIssuer, 'subjectClaim' | 'enabled'> & Partial<Pick<TokenIssuer, 'subjectClaim' | 'enabled'>>

/** The token services whose word counts. Public keys only: nothing here is secret. */
export interface Issuers {
  /** Creates or replaces; `etag` must be the current one if given. ISSUER_INVALID, ISSUER_CONFLICT. */
  put(issuer: NewIssuer, o?: IssuerChange & { etag?: string }): Promise<IssuerView>
  /** Its tokens are refused from then on. NOT_FOUND. */
  delete(id: string, o?: IssuerChange): Promise<void>
  list(): IssuerView[]
  get(id: string): IssuerView | undefined
  /** The enabled one whose tokens carry that `iss`. */
  byIss(iss: string): TokenIssuer | undefined
  /** The enabled one that AWS devices name as their custom authorizer. */
  byAuthorizer(name: string): TokenIssuer | undefined
}

/** At most 100, all in memory. It must be the only writer of its collection. */
export async function openIssuers(o: { store: StateStore; changed?(id: string): void }): Promise<Issuers> {
  const { store, changed = () => {} } = o
  await store.declare(coll, { unique: ['issuer', 'authorizer.name'] })
  const all = new Map<string, IssuerView>()
  for (const { id, doc, version } of (await store.query<TokenIssuer>(coll, { limit: mostIssuers })).items)
    all.set(id, { ...doc, etag: String(version) })
  const enabled = () => [...all.values()].filter(one => one.enabled)

  return {
    async put(input, { by, also = [], etag } = {}) {
      const issuer = checked(input)
      const before = all.get(issuer.id)
      if (etag !== undefined && etag !== before?.etag)
        throw new LoomError('ISSUER_CONFLICT', issuer.id, { hint: 'read it again and repeat' })
      if (!before && all.size >= mostIssuers) throw new LoomError('ISSUER_INVALID', `there are ${mostIssuers} already`)
      const version = before ? Number(before.etag) : ('new' as const)
      const put: Write = { op: 'put', coll, id: issuer.id, doc: issuer, version }
      try {
        const [written = 1] = await store.tx([put, ...also], by === undefined ? {} : { by })
        const view = { ...issuer, etag: String(written) }
        all.set(issuer.id, view)
        changed(issuer.id)
        return view
      } catch (cause) {
        if (!(cause instanceof LoomError && cause.code === 'STORE_VERSION_CONFLICT')) throw cause
        throw new LoomError('ISSUER_CONFLICT', `"${issuer.id}", "${issuer.issuer}" or its authorizer's name is in use`, { cause })
      }
    },
    async delete(id, { by, also = [] } = {}) {
      if (!all.has(id)) throw new LoomError('NOT_FOUND', `token issuer "${String(id).slice(0, 80)}"`)
      await store.tx([{ op: 'delete', coll, id }, ...also], by === undefined ? {} : { by })
      all.delete(id)
      changed(id)
    },
    list: () => [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    get: id => all.get(id),
    byIss: iss => enabled().find(one => one.issuer === iss),
    byAuthorizer: name => enabled().find(one => one.authorizer?.name === name),
  }
}

const invalid = (what: string, hint: string) => new LoomError('ISSUER_INVALID', what, { hint })

/** Members are picked one by one: what is not known is not stored. */
function checked(input: NewIssuer): TokenIssuer {
  const { id, issuer, audience, algorithm, keys, subjectClaim = 'sub', enabled = true, authorizer } = input
  if (typeof id !== 'string' || !/^[A-Za-z0-9][\w.-]{0,62}$/.test(id))
    throw invalid(`id ${JSON.stringify(id)?.slice(0, 40)}`, 'it has up to 63 letters, digits, and - _ .')
  for (const [name, value] of Object.entries({ issuer, audience, subjectClaim }))
    if (typeof value !== 'string' || !/^[^\p{Cc}]{1,512}$/u.test(value))
      throw invalid(`${name} ${JSON.stringify(value)?.slice(0, 40)}`, `${name} is text of 1 to 512 characters`)
  if (!tokenAlgorithms.includes(algorithm))
    throw invalid(`algorithm ${JSON.stringify(algorithm)?.slice(0, 40)}`, `one of ${tokenAlgorithms.join(', ')}`)
  if (typeof enabled !== 'boolean') throw invalid('enabled', 'it is true or false')
  return {
    id,
    issuer,
    audience,
    algorithm,
    keys: checkedKeys(keys),
    subjectClaim,
    enabled,
    ...(authorizer !== undefined && { authorizer: checkedAuthorizer(authorizer) }),
  }
}

function checkedKeys(keys: IssuerKeys): IssuerKeys {
  if (typeof keys === 'object' && keys !== null) {
    if ('jwksUrl' in keys) return { jwksUrl: checkedUrl(keys.jwksUrl) }
    if ('publicKeyPem' in keys) return { publicKeyPem: checkedPem(keys.publicKeyPem) }
    if ('jwks' in keys && Array.isArray(keys.jwks?.keys) && keys.jwks.keys.length > 0 && keys.jwks.keys.length <= 50) {
      // a private key would work as well, and then lie in the store
      if (keys.jwks.keys.some(key => typeof key !== 'object' || key === null || 'd' in key || 'k' in key))
        throw invalid('a key of the set', 'give public keys only')
      return { jwks: { keys: keys.jwks.keys.map(key => ({ ...key })) } }
    }
  }
  throw invalid('keys', 'give one of jwksUrl, jwks {keys: 1 to 50} and publicKeyPem')
}

function checkedUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed?.hostname ?? '')
  if (
    !parsed ||
    url.length > 1024 ||
    parsed.username ||
    !(parsed.protocol === 'https:' || (parsed.protocol === 'http:' && loopback))
  )
    throw invalid('jwksUrl', 'give an https address without user name; plain http only on this machine')
  return url
}

function checkedPem(pem: string): string {
  try {
    if (/PRIVATE/.test(pem)) throw new RangeError('private')
    return createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString()
  } catch (cause) {
    throw invalid(`a public key${cause instanceof RangeError ? ': this one is private' : ''}`, 'give it as PEM, BEGIN PUBLIC KEY')
  }
}

function checkedAuthorizer({ name, tokenKeyName, signingKeyPem }: NonNullable<TokenIssuer['authorizer']>) {
  if (typeof name !== 'string' || !/^[\w=,@-]{1,128}$/.test(name))
    throw invalid('the name of the authorizer', 'letters, digits and - _ = , @')
  if (tokenKeyName !== undefined && !/^[A-Za-z0-9_-]{1,128}$/.test(tokenKeyName))
    throw invalid('tokenKeyName', 'letters, digits, - and _')
  return {
    name,
    ...(tokenKeyName !== undefined && { tokenKeyName }),
    ...(signingKeyPem !== undefined && { signingKeyPem: checkedPem(signingKeyPem) }),
  }
}
