import forge from 'node-forge'
import { LoomError } from '../errors.ts'
import { integer, octets, oid, sequence, tlv, yes } from './der.ts'

export type Profile = 'root' | 'intermediate' | 'server' | 'device' | 'gateway'

const critical = (id: string, content: Buffer) => sequence(oid(id), yes, octets(content))
const plain = (id: string, content: Buffer) => sequence(oid(id), octets(content))

const id = {
  ski: '2.5.29.14',
  keyUsage: '2.5.29.15',
  san: '2.5.29.17',
  basic: '2.5.29.19',
  aki: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
}
const serverAuth = oid('1.3.6.1.5.5.7.3.1')
const clientAuth = oid('1.3.6.1.5.5.7.3.2')

const authorityUsage = critical(id.keyUsage, Buffer.from('03020106', 'hex'))
const signUsage = critical(id.keyUsage, Buffer.from('03020780', 'hex'))
const leaf = critical(id.basic, sequence())

/** What is the same in every certificate of a profile, encoded once. */
export const fixedExtensions: Readonly<Record<Profile, Buffer>> = {
  root: Buffer.concat([critical(id.basic, sequence(yes)), authorityUsage]),
  intermediate: Buffer.concat([critical(id.basic, sequence(yes, integer(Buffer.from([0])))), authorityUsage]),
  server: Buffer.concat([leaf, signUsage, plain(id.extKeyUsage, sequence(serverAuth))]),
  device: Buffer.concat([leaf, signUsage, plain(id.extKeyUsage, sequence(clientAuth))]),
  gateway: Buffer.concat([leaf, signUsage, plain(id.extKeyUsage, sequence(serverAuth, clientAuth))]),
}

export const subjectKeyId = (keyId: Buffer): Buffer => plain(id.ski, octets(keyId))
export const authorityKeyId = (keyId: Buffer): Buffer => plain(id.aki, sequence(tlv(0x80, keyId)))

/** The URI by which a certificate names its device; ids are no DNS names. */
export const deviceUri = (hubId: string, deviceId: string): string => `urn:thingloom:${hubId}:${encodeURIComponent(deviceId)}`

export const uriAlternativeName = (uri: string): Buffer => plain(id.san, sequence(tlv(0x86, Buffer.from(uri, 'latin1'))))

/** DNS names and IP addresses, told apart by their form. HUB_CONFIG_INVALID. */
export function hostAlternativeNames(names: readonly string[]): Buffer {
  const hosts = names.map(name => {
    const address = addressBytes(name)
    if (address) return tlv(0x87, address)
    if (!/^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(name))
      throw new LoomError('HUB_CONFIG_INVALID', `host name "${name.slice(0, 80)}"`, {
        hint: 'use DNS names in ASCII form or IP addresses',
      })
    return tlv(0x82, Buffer.from(name, 'latin1'))
  })
  return plain(id.san, sequence(...hosts))
}

const bytesFromIp = (forge.util as unknown as { bytesFromIP(ip: string): string | null }).bytesFromIP

function addressBytes(name: string): Buffer | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(name) && !/^[0-9A-Fa-f:]*:[0-9A-Fa-f:]*$/.test(name)) return undefined
  const valid = URL.canParse(name.includes(':') ? `http://[${name}]` : `http://${name}`)
  const bytes = valid && bytesFromIp(name)
  if (!bytes) throw new LoomError('HUB_CONFIG_INVALID', `address "${name.slice(0, 80)}"`)
  return Buffer.from(bytes, 'latin1')
}
