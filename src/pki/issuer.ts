import { LoomError } from '../errors.ts'
import { checkCsr } from './csr.ts'
import { type AlternativeNames, alternativeNames, crlPoint, deviceUri, fixedExtensions } from './extensions.ts'
import { generateKey, keyIdOf, type KeyPolicy, type KeyType } from './keys.ts'
import { encodeName } from './name.ts'
import {
  type CertificateAuthority,
  isRsaSpki,
  type Issued,
  noEnd,
  type RandomBytes,
  signCertificate,
  signerBy,
  signerOf,
} from './signed.ts'

export type { CertificateAuthority, Issued, RandomBytes } from './signed.ts'

const hour = 3_600_000
const day = 24 * hour
const lifeOf = { root: 7_305 * day, intermediate: 3_652 * day, server: 397 * day, device: 730 * day } as const

/** The name part of an authority: with its longest suffix a common name stays within 64 characters. */
const short = (hubId: string) => hubId.slice(0, 48)

/** A self-signed root of the hub, EC P-256 unless said otherwise, 20 years. */
export async function createRoot(o: {
  hubId: string
  now: number
  random: RandomBytes
  keyType?: KeyType
}): Promise<CertificateAuthority> {
  const { privateKey, spki } = await generateKey(o.keyType)
  const name = encodeName({ CN: `${short(o.hubId)} root`, O: o.hubId })
  const notBefore = o.now - hour
  const form = {
    subject: name,
    spki,
    extensions: [fixedExtensions.root],
    notBefore,
    notAfter: notBefore + lifeOf.root,
    random: o.random,
  }
  return { ...signCertificate(signerBy({ name, keyId: keyIdOf(spki), privateKey }), form), privateKey }
}

/** The hub's n-th issuing authority, signed by the root, 10 years. `crlUrl`: where the root's revocation list is found. */
export async function createIntermediate(o: {
  hubId: string
  n: number
  root: CertificateAuthority
  now: number
  random: RandomBytes
  keyType?: KeyType
  crlUrl?: string
}): Promise<CertificateAuthority> {
  const { privateKey, spki } = await generateKey(o.keyType)
  const notBefore = Math.max(o.now - hour, o.root.notBefore)
  const form = {
    subject: encodeName({ CN: `${short(o.hubId)} issuing ${o.n}`, O: o.hubId }),
    spki,
    extensions: [fixedExtensions.intermediate, ...(o.crlUrl === undefined ? [] : [crlPoint(o.crlUrl)])],
    notBefore,
    notAfter: Math.min(notBefore + lifeOf.intermediate, o.root.notAfter),
    random: o.random,
  }
  return { ...signCertificate(signerOf(o.root), form), privateKey }
}

/** What a certificate of a device without a name is called; it has no alternative name. */
export const unnamedDevice = 'Thingloom device'

/** `spki` is taken as it is; a `csr` is checked by `checkCsr`, for devices also against the id. */
export type LeafRequest = { now: number; random: RandomBytes } & ({ spki: Buffer } | { csr: string | Uint8Array }) &
  (
    | {
        profile: 'device' | 'gateway'
        hubId: string
        id: string
        /** 1 to 3650, default 730; `never` has no end, not even the authority's */
        days?: number | 'never'
        /** besides the device's own URI */
        san?: AlternativeNames
      }
    | { profile: 'unnamed'; hubId: string; days?: number | 'never' }
    | { profile: 'server'; names: readonly string[] }
  )

export interface Issuer {
  /** Outlives the authority only with `never`. REQUEST_INVALID, PKI_SUBJECT_TOO_LONG, HUB_CONFIG_INVALID, those of `checkCsr`. */
  issue(request: LeafRequest): Issued
}

/** Signs leaf certificates for one authority; what is the same for all of them is encoded once. `crlUrl`: where its revocation list is found. */
export function issuer(authority: CertificateAuthority, o: KeyPolicy & { crlUrl?: string } = {}): Issuer {
  const signer = signerOf(authority)
  const point = o.crlUrl === undefined ? undefined : crlPoint(o.crlUrl)
  const fixed = (profile: keyof typeof fixedExtensions) =>
    point ? Buffer.concat([fixedExtensions[profile], point]) : fixedExtensions[profile]
  const extensionsOf = {
    device: fixed('device'),
    gateway: fixed('gateway'),
    unnamed: fixed('device'),
    server: fixed('server'),
    serverRsa: fixed('server-rsa'),
  }
  return {
    issue(request) {
      const { now, random, profile } = request
      const id = 'id' in request ? request.id : undefined
      const spki = 'spki' in request ? request.spki : checkCsr(request.csr, { ...o, ...(id !== undefined && { id }) }).spki
      const { subject, names } = identityOf(request)
      const always = profile === 'server' && isRsaSpki(spki) ? extensionsOf.serverRsa : extensionsOf[profile]
      const extensions = names ? [always, alternativeNames(names)] : [always]
      const notBefore = Math.max(now - hour, authority.notBefore)
      const life = profile === 'server' ? lifeOf.server : lifeOfDays(request.days)
      const notAfter = life === 'never' ? noEnd : Math.min(notBefore + life, authority.notAfter)
      return signCertificate(signer, { subject, spki, extensions, notBefore, notAfter, random })
    },
  }
}

function identityOf(request: LeafRequest): { subject: Buffer; names?: AlternativeNames } {
  if (request.profile === 'unnamed') return { subject: encodeName({ CN: unnamedDevice, O: request.hubId }) }
  if (request.profile !== 'server') {
    const { hubId, id, san } = request
    const uris = [deviceUri(hubId, id), ...(san?.uris ?? [])]
    return { subject: encodeName({ CN: id, O: hubId }), names: { uris, hosts: san?.hosts ?? [] } }
  }
  const cn = request.names.find(name => name.length <= 64) ?? request.names[0] ?? ''
  if (!cn) throw new LoomError('HUB_CONFIG_INVALID', 'a server certificate needs a host name')
  return { subject: encodeName({ CN: cn }), names: { hosts: request.names } }
}

function lifeOfDays(days: number | 'never' | undefined): number | 'never' {
  if (days === undefined) return lifeOf.device
  if (days === 'never') return days
  if (!Number.isInteger(days) || days < 1 || days > 3650)
    throw new LoomError('REQUEST_INVALID', `certificate for ${String(days).slice(0, 20)} days`, {
      hint: "days is a whole number from 1 to 3650, or 'never'",
    })
  return days * day
}
