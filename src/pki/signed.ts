import { hash, type KeyObject } from 'node:crypto'
import { bodyOf, usageOf } from './certificate-body.ts'
import { bits, integer, oid, sequence, time, tlv } from './der.ts'
import { authorityKeyId, subjectKeyId } from './extensions.ts'
import { keyIdOf } from './keys.ts'
import { pemOf } from './pem.ts'
import { type Signing, signingOf } from './signature.ts'

export type RandomBytes = (size: number) => Buffer

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

/** How an authority signs: what it is called and its key, encoded once. */
export interface Signer {
  name: Buffer
  /** as its own certificate has it, whoever made that */
  keyId: Buffer
  authorityKeyId: Buffer
  signing: Signing
}

/** `der`: the authority's own certificate. */
export function signerOf({ der, privateKey }: { der: Buffer; privateKey: KeyObject }): Signer {
  const body = bodyOf(der)
  return signerBy({ name: body.subject, keyId: usageOf(body).subjectKeyId ?? keyIdOf(body.spki), privateKey })
}

/** A root signs before it has a certificate. */
export const signerBy = (o: { name: Buffer; keyId: Buffer; privateKey: KeyObject }): Signer => ({
  name: o.name,
  keyId: o.keyId,
  authorityKeyId: authorityKeyId(o.keyId),
  signing: signingOf(o.privateKey),
})

export interface Form {
  subject: Buffer
  spki: Buffer
  /** encoded extensions besides the key ids */
  extensions: readonly Buffer[]
  /** epoch ms */
  notBefore: number
  notAfter: number
  random: RandomBytes
}

const v3 = tlv(0xa0, integer(Buffer.from([2])))
/** The time that means no end (RFC 5280, 4.1.2.5). */
export const noEnd = Date.UTC(9999, 11, 31, 23, 59, 59)

const wholeSeconds = (ms: number) => Math.floor(ms / 1000) * 1000

/** 16 random bytes, positive and never short. */
function newSerial(random: RandomBytes): Buffer {
  const serial = random(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial
}

let kept: { notBefore: number; notAfter: number; der: Buffer } | undefined

/** The same for all certificates of a second. */
function validity(notBefore: number, notAfter: number): Buffer {
  if (kept?.notBefore !== notBefore || kept.notAfter !== notAfter)
    kept = { notBefore, notAfter, der: sequence(time(notBefore), time(notAfter)) }
  return kept.der
}

export function signCertificate(signer: Signer, form: Form): Issued {
  const { subject, spki, extensions, random } = form
  const serial = newSerial(random)
  const notBefore = wholeSeconds(form.notBefore)
  const notAfter = wholeSeconds(form.notAfter)
  const { algorithm, sign } = signer.signing
  const tbs = sequence(
    v3,
    integer(serial),
    algorithm,
    signer.name,
    validity(notBefore, notAfter),
    subject,
    spki,
    tlv(0xa3, sequence(...extensions, subjectKeyId(keyIdOf(spki)), signer.authorityKeyId)),
  )
  const der = sequence(tbs, algorithm, bits(sign(tbs)))
  return {
    der,
    pem: pemOf('CERTIFICATE', der),
    serial: serial.toString('hex'),
    fingerprint: hash('sha256', der, 'hex'),
    notBefore,
    notAfter,
  }
}

const rsaKey = sequence(oid('1.2.840.113549.1.1.1'), Buffer.from([5, 0]))
export const isRsaSpki = (spki: Buffer): boolean => spki.subarray(4, 4 + rsaKey.length).equals(rsaKey)
