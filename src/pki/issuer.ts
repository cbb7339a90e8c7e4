import { sign, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { fingerprintOf } from './certificate.ts'
import { bits, integer, sequence, slices, time, tlv } from './der.ts'
import {
  authorityKeyId,
  deviceUri,
  fixedExtensions,
  hostAlternativeNames,
  type Profile,
  subjectKeyId,
  uriAlternativeName,
} from './extensions.ts'
import { generateKey, keyIdOf, signatureAlgorithmOf, spkiOf } from './keys.ts'
import { encodeName } from './name.ts'
import { pemOf } from './pem.ts'

export type RandomBytes = (size: number) => Buffer

const hour = 3_600_000
const day = 24 * hour
const lifeOf = { root: 7_305 * day, intermediate: 3_652 * day, server: 397 * day, device: 730 * day } as const

export interface Issued {
  der: Buffer
  pem: string
  /** lower hex */
  serial: string
  fingerprint: string
  /** epoch ms, whole seconds */
  notBefore: number
  notAfter: number
}

export interface CertificateAuthority extends Issued {
  privateKey: KeyObject
}

interface Form {
  profile: Profile
  subject: Buffer
  spki: Buffer
  alternativeNames?: Buffer
  notBefore: number
  notAfter: number
  random: RandomBytes
}

interface Signer {
  name: Buffer
  keyId: Buffer
  privateKey: KeyObject
}

const v3 = tlv(0xa0, integer(Buffer.from([2])))
const none = Buffer.alloc(0)

function issueWith(signer: Signer, form: Form): Issued {
  const { profile, subject, spki, alternativeNames = none, random } = form
  const serial = random(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const notBefore = Math.floor(form.notBefore / 1000) * 1000
  const notAfter = Math.floor(form.notAfter / 1000) * 1000
  const algorithm = signatureAlgorithmOf(signer.privateKey)
  const tbs = sequence(
    v3,
    integer(serial),
    algorithm,
    signer.name,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spki,
    tlv(0xa3, sequence(fixedExtensions[profile], alternativeNames, subjectKeyId(keyIdOf(spki)), authorityKeyId(signer.keyId))),
  )
  const der = sequence(tbs, algorithm, bits(sign('sha256', tbs, signer.privateKey)))
  return {
    der,
    pem: pemOf('CERTIFICATE', der),
    serial: serial.toString('hex'),
    fingerprint: fingerprintOf(der),
    notBefore,
    notAfter,
  }
}

/** The name part of an authority: with its longest suffix a common name stays within 64 characters. */
const short = (hubId: string) => hubId.slice(0, 48)

/** A self-signed root of the hub, EC P-256, 20 years. */
export async function createRoot(o: { hubId: string; now: number; random: RandomBytes }): Promise<CertificateAuthority> {
  const { publicKey, privateKey } = await generateKey()
  const spki = spkiOf(publicKey)
  const name = encodeName({ CN: `${short(o.hubId)} root`, O: o.hubId })
  const notBefore = o.now - hour
  const form: Form = { profile: 'root', subject: name, spki, notBefore, notAfter: notBefore + lifeOf.root, random: o.random }
  return { ...issueWith({ name, keyId: keyIdOf(spki), privateKey }, form), privateKey }
}

/** The hub's n-th issuing authority, signed by the root, 10 years. */
export async function createIntermediate(o: {
  hubId: string
  n: number
  root: CertificateAuthority
  now: number
  random: RandomBytes
}): Promise<CertificateAuthority> {
  const { publicKey, privateKey } = await generateKey()
  const subject = encodeName({ CN: `${short(o.hubId)} issuing ${o.n}`, O: o.hubId })
  const notBefore = Math.max(o.now - hour, o.root.notBefore)
  const notAfter = Math.min(notBefore + lifeOf.intermediate, o.root.notAfter)
  const form: Form = { profile: 'intermediate', subject, spki: spkiOf(publicKey), notBefore, notAfter, random: o.random }
  return { ...issueWith(signerOf(o.root), form), privateKey }
}

function signerOf(authority: CertificateAuthority): Signer {
  const [tbs] = slices(slices(authority.der)[0]!.content)
  const [, , , , , subject, spki] = slices(tbs!.content)
  return { name: subject!.raw, keyId: keyIdOf(spki!.raw), privateKey: authority.privateKey }
}

export type LeafRequest = { spki: Buffer; now: number; random: RandomBytes } & (
  | { profile: 'device' | 'gateway'; hubId: string; id: string; days?: number }
  | { profile: 'server'; names: readonly string[] }
)

export interface Issuer {
  /** Never outlives the authority. REQUEST_INVALID, PKI_SUBJECT_TOO_LONG, HUB_CONFIG_INVALID. */
  issue(request: LeafRequest): Issued
}

/** Signs leaf certificates for one authority; what is the same for all of them is encoded once. */
export function issuer(authority: CertificateAuthority): Issuer {
  const signer = signerOf(authority)
  return {
    issue(request) {
      const notBefore = Math.max(request.now - hour, authority.notBefore)
      const life = request.profile === 'server' ? lifeOf.server : lifeOfDays(request.days)
      const common = {
        spki: request.spki,
        notBefore,
        notAfter: Math.min(notBefore + life, authority.notAfter),
        random: request.random,
      }
      if (request.profile === 'server') {
        const cn = request.names.find(name => name.length <= 64) ?? request.names[0] ?? ''
        if (!cn) throw new LoomError('HUB_CONFIG_INVALID', 'a server certificate needs a host name')
        const alternativeNames = hostAlternativeNames(request.names)
        return issueWith(signer, { ...common, profile: 'server', subject: encodeName({ CN: cn }), alternativeNames })
      }
      const subject = encodeName({ CN: request.id, O: request.hubId })
      const alternativeNames = uriAlternativeName(deviceUri(request.hubId, request.id))
      return issueWith(signer, { ...common, profile: request.profile, subject, alternativeNames })
    },
  }
}

function lifeOfDays(days: number | undefined): number {
  if (days === undefined) return lifeOf.device
  if (!Number.isInteger(days) || days < 1 || days > 3650)
    throw new LoomError('REQUEST_INVALID', `certificate for ${String(days).slice(0, 20)} days`, {
      hint: 'days is a whole number from 1 to 3650',
    })
  return days * day
}
