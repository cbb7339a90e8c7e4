import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import { readForeignCertificate } from '../pki/certificate.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import {
  checkClaimSettings,
  checkTrusted,
  type ClaimDoc,
  claimFault,
  type ClaimSecrets,
  type ClaimView,
  isClaimId,
} from './claim.ts'
import { type ClaimMisuse, createClaimMisuse, misuseColl, type MisuseLimit } from './claim-misuse.ts'
import { inNetworks } from './claim-network.ts'
import { invalidValue, isObject } from './enrolment-values.ts'
import type { CertificateSource } from './provisioning-port.ts'

export interface ClaimWriting {
  /** PROV_CONFLICT if it is not the current one */
  etag?: string
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

/** What a certificate is as a claim. */
export type FoundClaim = { ok: true; claim: ClaimView } | { ok: false; claimId: string; error: LoomError }

export interface MadeClaim {
  claim: ClaimView
  /** only if certificate and key were made here */
  secrets?: ClaimSecrets
}

/** It must be the only writer of its collections. */
export interface Claims {
  /**
   * `settings`: ClaimSettings, with `pem` a certificate made elsewhere, else certificate and key are made (`keyType`, default rsa-2048). PROV_INVALID, PROV_EXISTS, PROV_LIMIT,
   * CRED_INVALID, CRED_EXPIRED, PKI_*.
   */
  create(id: string, settings: unknown, o?: Omit<ClaimWriting, 'etag'>): Promise<MadeClaim>
  /** A claim of five minutes for one device through one template, for an application of the owner. */
  createTrusted(
    o: { template: string; deviceId?: string; keyType?: 'rsa-2048' | 'ec-p256' } & Omit<ClaimWriting, 'etag'>,
  ): Promise<Required<MadeClaim>>
  get(id: string): Promise<ClaimView | undefined>
  list(o?: { limit?: number; cursor?: string }): Promise<{ items: ClaimView[]; next?: string }>
  /** Members of `changes` replace those there, null removes optional ones. PROV_NO_CLAIM, PROV_CONFLICT, PROV_INVALID. */
  update(id: string, changes: object, o?: ClaimWriting): Promise<ClaimView>
  /** PROV_NO_CLAIM, PROV_CONFLICT. */
  delete(id: string, o?: ClaimWriting): Promise<void>
  /** At CONNECT: undefined if the certificate is no claim. A stranger's certificate costs no query. */
  findClaim(fingerprint: string, ip: string, now: number): Promise<FoundClaim | undefined>
  /** For a request of a live connection: PROV_NO_CLAIM, PROV_DISABLED, CRED_EXPIRED. */
  need(id: string, now: number): Promise<ClaimView>
  /** Counts one device more. PROV_QUOTA. The caller sees to it that no two are under way at once. */
  spend(id: string): Promise<Write[]>
  /** Counts a refused request; too many in a time disable the claim. True if it did so now. */
  rejected(id: string, o: { now: number; code: string }): Promise<boolean>
  /** Removes trusted-user claims that ended over an hour ago. */
  sweep(now: number): Promise<number>
}

const coll = 'claims'
const countsColl = 'claim_counts'
const trustedMs = 5 * 60_000
const keptMs = 3_600_000
const pageLimit = 100

export async function openClaims(o: {
  store: StateStore
  source: CertificateSource
  now: () => number
  random: (size: number) => Buffer
  /** refused requests within a time that disable a claim; default 20 in 10 minutes; `rejects: 0`: never */
  misuse?: MisuseLimit
  /** default 10,000 */
  mostClaims?: number
}): Promise<Claims> {
  const { store, source, now, random, mostClaims = 10_000 } = o
  await store.declare(coll, { indexes: ['kind'], unique: ['fingerprint'] })
  await store.declare(countsColl, {})
  await store.declare(misuseColl, {})
  const idOf = await fingerprints(store)
  const misuse: ClaimMisuse = createClaimMisuse(store, o.misuse ?? { rejects: 20, windowMs: 600_000 })

  const read = async (id: string): Promise<Stored<ClaimDoc>> => {
    const stored = isClaimId(id) ? await store.get<ClaimDoc>(coll, id) : null
    if (!stored) throw new LoomError('PROV_NO_CLAIM', JSON.stringify(String(id).slice(0, 80)))
    return stored
  }
  const current = async (id: string, etag: string | undefined): Promise<Stored<ClaimDoc>> => {
    const stored = await read(id)
    if (etag === undefined || etag === String(stored.version)) return stored
    throw new LoomError('PROV_CONFLICT', `claim "${id}"`, { hint: 'read it again' })
  }
  const usedOf = (id: string) => store.get<{ used: number }>(countsColl, id)
  const viewOf = async ({ id, doc, version }: Stored<ClaimDoc>): Promise<ClaimView> => {
    const [count, counted] = await Promise.all([usedOf(id), misuse.of(id, now())])
    return { id, ...doc, used: count?.doc.used ?? 0, ...counted, etag: String(version) }
  }
  const write = async (main: Write, { by, also = [] }: ClaimWriting): Promise<number> => {
    try {
      const [version = 0] = await store.tx([main, ...also], by === undefined ? {} : { by })
      return version
    } catch (error) {
      if (!isConflict(error)) throw error
      throw new LoomError(main.version === 'new' ? 'PROV_EXISTS' : 'PROV_CONFLICT', `claim "${main.id}" or its certificate`, {
        cause: error,
      })
    }
  }
  const add = async (id: string, doc: ClaimDoc, writing: ClaimWriting): Promise<ClaimView> => {
    if (idOf.size >= mostClaims) throw new LoomError('PROV_LIMIT', `${mostClaims} claims`)
    const version = await write({ op: 'put', coll, id, doc, version: 'new' }, writing)
    idOf.set(doc.fingerprint, id)
    return viewOf({ id, doc, version })
  }
  const certificateOf = async (pem: unknown, keyType: unknown): Promise<{ facts: CertificateDoc; secrets?: ClaimSecrets }> => {
    if (pem !== undefined) {
      if (typeof pem !== 'string') throw invalidValue('pem', 'it is one certificate, PEM')
      const facts = factsOf(pem)
      if (facts.certificateNotAfter <= now()) throw new LoomError('CRED_EXPIRED', 'the certificate has ended')
      return { facts }
    }
    if (keyType !== 'rsa-2048' && keyType !== 'ec-p256') throw invalidValue('keyType', 'it is rsa-2048 or ec-p256')
    const { certificatePem, privateKeyPem } = await source.issueUnnamed({ keyType })
    if (privateKeyPem === undefined) throw new TypeError('a certificate without its key was issued')
    return { facts: factsOf(certificatePem), secrets: { certificatePem, privateKeyPem } }
  }
  const remove = async ({ id, doc, version }: Stored<ClaimDoc>, writing: ClaimWriting): Promise<void> => {
    const rest = [countsColl, misuseColl].map((name): Write => ({ op: 'delete', coll: name, id }))
    await write({ op: 'delete', coll, id, version }, { ...writing, also: [...rest, ...(writing.also ?? [])] })
    idOf.delete(doc.fingerprint)
  }

  return {
    async create(id, settings, writing = {}) {
      if (!isClaimId(id)) throw invalidValue('id', 'it has 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or digit')
      const { pem, keyType = 'rsa-2048', ...rest } = isObject(settings) ? settings : {}
      const checked = checkClaimSettings(rest)
      if (await store.get(coll, id)) throw new LoomError('PROV_EXISTS', `claim "${id}"`)
      const { facts, secrets } = await certificateOf(pem, keyType)
      const times = { createdBy: writing.by ?? '', createdAt: now(), updatedAt: now() }
      const claim = await add(id, { ...checked, ...facts, kind: 'claim', ...times }, writing)
      return { claim, ...(secrets && { secrets }) }
    },
    async createTrusted({ template, deviceId, keyType = 'rsa-2048', ...writing }) {
      checkTrusted({ template, ...(deviceId !== undefined && { deviceId }) })
      const { facts, secrets } = await certificateOf(undefined, keyType)
      const doc: ClaimDoc = {
        kind: 'trusted-user',
        templates: [template],
        enabled: true,
        notAfter: now() + trustedMs,
        quota: 1,
        sourceNetworks: [],
        ...facts,
        ...(deviceId !== undefined && { deviceId }),
        createdBy: writing.by ?? '',
        createdAt: now(),
        updatedAt: now(),
      }
      return { claim: await add(`trusted-${random(8).toString('hex')}`, doc, writing), secrets: secrets! }
    },
    async get(id) {
      const stored = isClaimId(id) ? await store.get<ClaimDoc>(coll, id) : null
      return stored ? viewOf(stored) : undefined
    },
    async list({ limit = pageLimit, cursor } = {}) {
      const page = await store.query<ClaimDoc>(coll, {
        limit: Math.min(limit, pageLimit),
        ...(cursor !== undefined && { cursor }),
      })
      const items = await Promise.all(page.items.map(viewOf))
      return { items, ...(page.next !== undefined && { next: page.next }) }
    },
    async update(id, changes, writing = {}) {
      const stored = await current(id, writing.etag)
      const { doc } = stored
      const { templates, enabled, notAfter, quota, sourceNetworks, batch } = doc
      const before = { templates, enabled, notAfter, quota, sourceNetworks, batch }
      const merged = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null && value !== undefined)
      const checked = checkClaimSettings(Object.fromEntries(merged))
      const { notAfter: _n, quota: _q, batch: _b, reason, ...rest } = doc
      const next = { ...rest, ...checked, ...(!checked.enabled && reason !== undefined && { reason }), updatedAt: now() }
      // who enables a claim again starts counting anew
      const fresh: Write[] = checked.enabled && !doc.enabled ? [{ op: 'delete', coll: misuseColl, id }] : []
      const also = [...fresh, ...(writing.also ?? [])]
      const version = await write({ op: 'put', coll, id, doc: next, version: stored.version }, { ...writing, also })
      return viewOf({ id, doc: next, version })
    },
    async delete(id, writing = {}) {
      await remove(await current(id, writing.etag), writing)
    },
    async findClaim(fingerprint, ip, at) {
      const id = idOf.get(fingerprint)
      const stored = id === undefined ? null : await store.get<ClaimDoc>(coll, id)
      if (!stored) return undefined
      const outside = inNetworks(ip, stored.doc.sourceNetworks)
        ? undefined
        : new LoomError('PROV_DENIED', `the claim is not for ${ip}`)
      const error = claimFault(stored.doc, at) ?? outside
      return error ? { ok: false, claimId: stored.id, error } : { ok: true, claim: await viewOf(stored) }
    },
    async need(id, at) {
      const stored = await read(id)
      const fault = claimFault(stored.doc, at)
      if (fault) throw fault
      return viewOf(stored)
    },
    async spend(id) {
      const { doc } = await read(id)
      const count = await usedOf(id)
      const used = (count?.doc.used ?? 0) + 1
      if (doc.quota !== undefined && used > doc.quota) throw new LoomError('PROV_QUOTA', `claim "${id}", ${doc.quota} devices`)
      return [{ op: 'put', coll: countsColl, id, doc: { used }, version: count?.version ?? 'new' }]
    },
    rejected: (id, { now: at, code }) =>
      misuse.count(id, at, async () => {
        const stored = isClaimId(id) ? await store.get<ClaimDoc>(coll, id) : null
        if (!stored?.doc.enabled) return undefined
        const reason = `too many refused requests, the last with ${code}`
        const doc: ClaimDoc = { ...stored.doc, enabled: false, reason, updatedAt: at }
        return [{ op: 'put', coll, id, doc, version: stored.version }]
      }),
    async sweep(at) {
      let removed = 0
      const { items } = await store.query<ClaimDoc>(coll, { where: [['kind', '=', 'trusted-user']], limit: 1000 })
      for (const stored of items) {
        if ((stored.doc.notAfter ?? at) > at - keptMs) continue
        await remove(stored, { by: 'sweep' })
        removed++
      }
      return removed
    },
  }
}

type CertificateDoc = Pick<ClaimDoc, 'fingerprint' | 'pem' | 'certificateNotBefore' | 'certificateNotAfter'>

function factsOf(text: string): CertificateDoc {
  const { fingerprint, pem, notBefore, notAfter } = readForeignCertificate(text)
  return { fingerprint, pem, certificateNotBefore: notBefore, certificateNotAfter: notAfter }
}

async function fingerprints(store: StateStore): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  let cursor: string | undefined
  do {
    const page = await store.query<ClaimDoc>(coll, { limit: 1000, ...(cursor !== undefined && { cursor }) })
    for (const { id, doc } of page.items) found.set(doc.fingerprint, id)
    cursor = page.next
  } while (cursor !== undefined)
  return found
}
