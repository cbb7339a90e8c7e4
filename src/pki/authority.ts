import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { readCertificate } from './certificate.ts'
import { readCsr } from './csr.ts'
import { type CertificateAuthority, createIntermediate, createRoot, type Issuer, issuer, type RandomBytes } from './issuer.ts'
import { generateKey, pkcs8Pem, spkiHashOf, spkiOf } from './keys.ts'

/** Encrypts what must be kept but never seen; a sealed text opens only at the place it was sealed for. */
export interface KeySeal {
  seal(plain: Uint8Array, place: { owner: string; cid: string; field: string }): string
  open(sealed: string, place: { owner: string; cid: string; field: string }): Buffer
}

export interface DeviceCertificate {
  certificatePem: string
  /** the certificate, then its issuing authority: what a device presents */
  chainPem: string
  /** only if the key was made here; it is not kept */
  privateKeyPem?: string
  fingerprint: string
  serial: string
  spkiHash: string
  subject: string
  /** epoch ms */
  notBefore: number
  notAfter: number
}

export interface ServerCertificate {
  /** leaf and issuing authority */
  certPem: string
  keyPem: string
  notAfter: number
  /** ask again from then on: two thirds of its life are over */
  renewAt: number
}

export interface Authority {
  readonly rootPem: string
  /** the authority that signs now */
  readonly issuingPem: string
  /** Signs the request, or makes a key as well. PKI_*, REQUEST_INVALID. */
  issueDevice(o: {
    id: string
    csrPem?: string
    days?: number
    /** who already has a certificate for this key */
    ownerOfKey?: (spkiHash: string) => Promise<string | undefined>
  }): Promise<DeviceCertificate>
  /** The kept one while it covers exactly these names and is in the first two thirds of its life, else a new one. */
  serverCertificate(o: { names: readonly string[] }): Promise<ServerCertificate>
}

interface CaDoc {
  role: 'root' | 'issuing'
  n: number
  certificatePem: string
  sealedKey: string
}

interface ServerDoc {
  names: string[]
  certPem: string
  sealedKey: string
  notBefore: number
  notAfter: number
}

export interface AuthorityOptions {
  hubId: string
  store: StateStore
  sealer: KeySeal
  now: () => number
  random: RandomBytes
}

const cas = 'pki_cas'
const servers = 'pki_servers'
const place = (cid: string) => ({ owner: 'pki', cid, field: 'privateKey' })

/** Loads the hub's root and issuing authority, or makes them; private keys are kept sealed. A new issuing authority comes at half life. */
export async function openAuthority(o: AuthorityOptions): Promise<Authority> {
  await o.store.declare(cas, {})
  await o.store.declare(servers, {})
  const root = (await loadCa(o, 'root')) ?? (await createFirst(o))
  let current = await currentIssuing(o, root)
  let renewing: Promise<Issuing> | undefined

  async function issuing(): Promise<Issuing> {
    if (o.now() < current.renewAt) return current
    renewing ??= currentIssuing(o, root).finally(() => (renewing = undefined))
    current = await renewing
    return current
  }

  return {
    rootPem: root.pem,
    get issuingPem() {
      return current.ca.pem
    },
    async issueDevice({ id, csrPem, days, ownerOfKey }) {
      const { ca, issuer } = await issuing()
      const own = new Set([root, ca].map(({ privateKey }) => spkiHashOf(spkiOf(createPublicKey(privateKey)))))
      const ownerOrCa = async (hash: string) => (own.has(hash) ? 'a certificate authority' : ownerOfKey?.(hash))
      let privateKey: KeyObject | undefined
      let spki: Buffer
      if (csrPem === undefined) {
        const pair = await generateKey()
        privateKey = pair.privateKey
        spki = spkiOf(pair.publicKey)
      } else spki = (await readCsr(csrPem, { id, ownerOfKey: ownerOrCa })).spki
      const issued = issuer.issue({
        profile: 'device',
        hubId: o.hubId,
        id,
        spki,
        ...(days !== undefined && { days }),
        now: o.now(),
        random: o.random,
      })
      return {
        certificatePem: issued.pem,
        chainPem: issued.pem + ca.pem,
        ...(privateKey && { privateKeyPem: pkcs8Pem(privateKey) }),
        fingerprint: issued.fingerprint,
        serial: issued.serial,
        spkiHash: spkiHashOf(spki),
        subject: `CN=${id}, O=${o.hubId}`,
        notBefore: issued.notBefore,
        notAfter: issued.notAfter,
      }
    },
    serverCertificate: async ({ names }) => serverCertificate(o, await issuing(), names),
  }
}

interface Issuing {
  ca: CertificateAuthority
  issuer: Issuer
  renewAt: number
}

async function createFirst(o: AuthorityOptions): Promise<CertificateAuthority> {
  const root = await createRoot({ hubId: o.hubId, now: o.now(), random: o.random })
  const first = await createIntermediate({ hubId: o.hubId, n: 1, root, now: o.now(), random: o.random })
  await o.store.tx([caWrite(o, 'root', 'root', 0, root), caWrite(o, 'issuing-1', 'issuing', 1, first)], { by: 'pki' })
  return root
}

async function currentIssuing(o: AuthorityOptions, root: CertificateAuthority): Promise<Issuing> {
  const { items } = await o.store.query<CaDoc>(cas, { where: [['id', 'prefix', 'issuing-']], limit: 1000 })
  const n = Math.max(0, ...items.map(({ doc }) => doc.n))
  const newest = await loadCa(o, `issuing-${n}`)
  const half = newest ? (newest.notBefore + newest.notAfter) / 2 : 0
  // the last authority before the root's end has no successor
  if (newest && (o.now() < half || newest.notAfter >= root.notAfter))
    return issuingOf(newest, o.now() < half ? half : newest.notAfter)
  const next = await createIntermediate({ hubId: o.hubId, n: n + 1, root, now: o.now(), random: o.random })
  await o.store.tx([caWrite(o, `issuing-${n + 1}`, 'issuing', n + 1, next)], { by: 'pki' })
  return issuingOf(next, (next.notBefore + next.notAfter) / 2)
}

const issuingOf = (ca: CertificateAuthority, renewAt: number): Issuing => ({ ca, issuer: issuer(ca), renewAt })

const pkcs8 = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'der' })

function caWrite(o: AuthorityOptions, id: string, role: CaDoc['role'], n: number, ca: CertificateAuthority): Write {
  const doc: CaDoc = { role, n, certificatePem: ca.pem, sealedKey: o.sealer.seal(pkcs8(ca.privateKey), place(id)) }
  return { op: 'put', coll: cas, id, doc, version: 'new' }
}

async function loadCa(o: AuthorityOptions, id: string): Promise<CertificateAuthority | undefined> {
  const stored = await o.store.get<CaDoc>(cas, id)
  if (!stored) return undefined
  const { der, pem, serial, fingerprint, notBefore, notAfter } = readCertificate(stored.doc.certificatePem)
  const privateKey = createPrivateKey({ key: o.sealer.open(stored.doc.sealedKey, place(id)), format: 'der', type: 'pkcs8' })
  return { der, pem, serial, fingerprint, notBefore, notAfter, privateKey }
}

async function serverCertificate(o: AuthorityOptions, issuing: Issuing, wanted: readonly string[]): Promise<ServerCertificate> {
  const names = [...new Set(wanted)]
  const kept = await o.store.get<ServerDoc>(servers, 'listeners')
  if (kept && reusable(kept, names, o.now())) {
    const { certPem, sealedKey, notAfter } = kept.doc
    const key = createPrivateKey({ key: o.sealer.open(sealedKey, place('listeners')), format: 'der', type: 'pkcs8' })
    return { certPem, keyPem: pkcs8Pem(key), notAfter, renewAt: renewAt(kept.doc) }
  }
  if (names.length === 0) throw new LoomError('HUB_CONFIG_INVALID', 'a server certificate needs a host name')
  const { publicKey, privateKey } = await generateKey()
  const issued = issuing.issuer.issue({ profile: 'server', names, spki: spkiOf(publicKey), now: o.now(), random: o.random })
  const { notBefore, notAfter } = issued
  const certPem = issued.pem + issuing.ca.pem
  const doc: ServerDoc = { names, certPem, sealedKey: o.sealer.seal(pkcs8(privateKey), place('listeners')), notBefore, notAfter }
  await o.store.put(servers, 'listeners', doc, { by: 'pki' })
  return { certPem, keyPem: pkcs8Pem(privateKey), notAfter, renewAt: renewAt(doc) }
}

const renewAt = ({ notBefore, notAfter }: ServerDoc) => notBefore + ((notAfter - notBefore) * 2) / 3

const reusable = ({ doc }: Stored<ServerDoc>, names: readonly string[], now: number) =>
  doc.names[0] === names[0] &&
  [...doc.names].sort().join() === [...names].sort().join() &&
  now >= doc.notBefore &&
  now < renewAt(doc)
