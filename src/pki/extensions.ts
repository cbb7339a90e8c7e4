import forge from 'node-forge'
import { LoomError } from '../errors.ts'
import { extensionIds as ids } from './certificate-body.ts'
import { integer, octets, oid, sequence, tlv, yes } from './der.ts'

export type Profile = 'root' | 'intermediate' | 'server' | 'device' | 'gateway'

const critical = (id: string, content: Buffer) => sequence(oid(id), yes, octets(content))
const plain = (id: Buffer, content: Buffer) => sequence(id, octets(content))

const named = {
  alternativeNames: oid(ids.alternativeNames),
  authorityKeyId: oid(ids.authorityKeyId),
  crlPoints: oid(ids.crlPoints),
  extKeyUsage: oid(ids.extKeyUsage),
  subjectKeyId: oid(ids.subjectKeyId),
}
const serverAuth = oid('1.3.6.1.5.5.7.3.1')
const clientAuth = oid('1.3.6.1.5.5.7.3.2')

const authorityUsage = critical(ids.keyUsage, Buffer.from('03020106', 'hex'))
const signUsage = critical(ids.keyUsage, Buffer.from('03020780', 'hex'))
/** Key exchange by RSA, which TLS 1.2 still has, encrypts to the server's key. */
const rsaServerUsage = critical(ids.keyUsage, Buffer.from('030205a0', 'hex'))
const leaf = critical(ids.basicConstraints, sequence())
const forServers = plain(named.extKeyUsage, sequence(serverAuth))

/** What is the same in every certificate of a profile, encoded once. */
export const fixedExtensions: Readonly<Record<Profile | 'server-rsa', Buffer>> = {
  root: Buffer.concat([critical(ids.basicConstraints, sequence(yes)), authorityUsage]),
  intermediate: Buffer.concat([critical(ids.basicConstraints, sequence(yes, integer(Buffer.from([0])))), authorityUsage]),
  server: Buffer.concat([leaf, signUsage, forServers]),
  'server-rsa': Buffer.concat([leaf, rsaServerUsage, forServers]),
  device: Buffer.concat([leaf, signUsage, plain(named.extKeyUsage, sequence(clientAuth))]),
  gateway: Buffer.concat([leaf, signUsage, plain(named.extKeyUsage, sequence(serverAuth, clientAuth))]),
}

export const subjectKeyId = (keyId: Buffer): Buffer => plain(named.subjectKeyId, octets(keyId))
export const authorityKeyId = (keyId: Buffer): Buffer => plain(named.authorityKeyId, sequence(tlv(0x80, keyId)))

/** Where the authority's revocation list is found (RFC 5280, 4.2.1.13). HUB_CONFIG_INVALID. */
export function crlPoint(url: string): Buffer {
  if (!/^(https?|ldaps?):\/\/[\x21-\x7e]{1,1000}$/.test(url) || !URL.canParse(url))
    throw new LoomError('HUB_CONFIG_INVALID', `address of a revocation list "${url.slice(0, 80)}"`, {
      hint: 'give a URL with http:// or https:// in ASCII',
    })
  const fullName = tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from(url, 'latin1'))))
  return plain(named.crlPoints, sequence(sequence(fullName)))
}

/** The URI by which a certificate names its device; ids are no DNS names. */
export const deviceUri = (hubId: string, deviceId: string): string => `urn:thingloom:${hubId}:${encodeURIComponent(deviceId)}`

export interface AlternativeNames {
  uris?: readonly string[]
  /** DNS names and IP addresses, told apart by their form */
  hosts?: readonly string[]
}

/** The extension, empty if there are no names. HUB_CONFIG_INVALID for hosts, REQUEST_INVALID for URIs. */
export function alternativeNames({ uris = [], hosts = [] }: AlternativeNames): Buffer {
  if (!uris.length && !hosts.length) return Buffer.alloc(0)
  return plain(named.alternativeNames, sequence(...uris.map(uriName), ...hosts.map(hostName)))
}

function uriName(uri: string): Buffer {
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]{1,1000}$/.test(uri))
    throw new LoomError('REQUEST_INVALID', `alternative name "${uri.slice(0, 80)}"`, { hint: 'give an absolute URI in ASCII' })
  return tlv(0x86, Buffer.from(uri, 'latin1'))
}

function hostName(name: string): Buffer {
  const address = addressBytes(name)
  if (address) return tlv(0x87, address)
  if (!/^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(name))
    throw new LoomError('HUB_CONFIG_INVALID', `host name "${name.slice(0, 80)}"`, {
      hint: 'use DNS names in ASCII form or IP addresses',
    })
  return tlv(0x82, Buffer.from(name, 'latin1'))
}

const bytesFromIp = (forge.util as unknown as { bytesFromIP(ip: string): string | null }).bytesFromIP

function addressBytes(name: string): Buffer | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(name) && !/^[0-9A-Fa-f:]*:[0-9A-Fa-f:]*$/.test(name)) return undefined
  const valid = URL.canParse(name.includes(':') ? `http://[${name}]` : `http://${name}`)
  const bytes = valid && bytesFromIp(name)
  if (!bytes) throw new LoomError('HUB_CONFIG_INVALID', `address "${name.slice(0, 80)}"`)
  return Buffer.from(bytes, 'latin1')
}
