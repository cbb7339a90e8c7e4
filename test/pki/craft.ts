import type { KeyObject } from 'node:crypto'
import { extensionIds as ids } from '../../src/pki/certificate-body.ts'
import { natural, octets, oid, sequence, tlv, yes } from '../../src/pki/der.ts'
import { generateKey, type KeyPair, type KeyType, keyIdOf, spkiOf } from '../../src/pki/keys.ts'
import { encodeName } from '../../src/pki/name.ts'
import { pemOf } from '../../src/pki/pem.ts'
import { signCertificate, signerBy } from '../../src/pki/signed.ts'
import { days, random, start } from './make.ts'

/** A certificate of whatever kind, also such as no authority should make, with its key. */
export interface Crafted {
  der: Buffer
  pem: string
  privateKey: KeyObject
  publicKey: KeyObject
  name: string
}

export interface Recipe {
  name: string
  /** signed by it, else by itself */
  by?: Crafted
  keys?: Pick<KeyPair, 'publicKey' | 'privateKey'>
  keyType?: KeyType
  ca?: boolean
  pathLength?: number
  /** first octet; absent: no such extension */
  keyUsage?: number
  extKeyUsage?: readonly string[]
  uris?: readonly string[]
  critical?: Record<string, Buffer>
  other?: Record<string, Buffer>
  notBefore?: number
  notAfter?: number
}

const extension = (id: string, value: Buffer, critical = false) => sequence(oid(id), ...(critical ? [yes] : []), octets(value))

export async function craft(recipe: Recipe): Promise<Crafted> {
  const { name, by, ca = false, pathLength, keyUsage, extKeyUsage, uris, critical = {}, other = {} } = recipe
  const { publicKey, privateKey } = recipe.keys ?? (await generateKey(recipe.keyType))
  const spki = spkiOf(publicKey)
  const own = { name: encodeName({ CN: name }), keyId: keyIdOf(spki), privateKey }
  const signer = signerBy(
    by ? { name: encodeName({ CN: by.name }), keyId: keyIdOf(spkiOf(by.publicKey)), privateKey: by.privateKey } : own,
  )
  const basic = sequence(...(ca ? [yes] : []), ...(pathLength === undefined ? [] : [natural(pathLength)]))
  const extensions = [
    extension(ids.basicConstraints, basic, true),
    ...(keyUsage === undefined ? [] : [extension(ids.keyUsage, tlv(0x03, Buffer.from([0, keyUsage])), true)]),
    ...(extKeyUsage ? [extension(ids.extKeyUsage, sequence(...extKeyUsage.map(oid)))] : []),
    ...(uris ? [extension(ids.alternativeNames, sequence(...uris.map(uri => tlv(0x86, Buffer.from(uri)))))] : []),
    ...Object.entries(critical).map(([id, value]) => extension(id, value, true)),
    ...Object.entries(other).map(([id, value]) => extension(id, value)),
  ]
  const notBefore = recipe.notBefore ?? start - days(1)
  const notAfter = recipe.notAfter ?? start + days(100)
  const { der } = signCertificate(signer, { subject: own.name, spki, extensions, notBefore, notAfter, random })
  return { der, pem: pemOf('CERTIFICATE', der), privateKey, publicKey, name }
}

/** Names of extended key usages. */
export const usages = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2', any: '2.5.29.37.0' } as const
