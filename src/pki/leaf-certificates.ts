import { createPrivateKey, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { StateStore, Stored } from '../storage/state-store.ts'
import type { AuthorityOptions, CaRecords } from './ca-records.ts'
import { readCsr } from './csr.ts'
import type { AlternativeNames } from './extensions.ts'
import { type LeafRequest, unnamedDevice } from './issuer.ts'
import type { Issuing, IssuingAuthorities } from './issuing.ts'
import { checkKeyType, generateKey, type KeyType, pkcs8Pem, spkiHashOf } from './keys.ts'
import { encodeName } from './name.ts'

export interface DeviceCertificate {
  certificatePem: string
  /** the certificate, then its issuing authority: what a device presents */
  chainPem: string
  /** only if the key was made here; it is not kept */
  privateKeyPem?: string
  fingerprint: string
  serial: string
  /** the CA that signed: `revoke` wants it with the serial number */
  issuerId: string
  spkiHash: string
  subject: string
  /** epoch ms */
  notBefore: number
  notAfter: number
}

export interface DeviceRequest {
  id: string
  csrPem?: string
  /** 1 to 3650 or `never`, default 730 */
  days?: number | 'never'
  /** of the key that is made when there is no request */
  keyType?: KeyType
  /** a gateway is also a server */
  profile?: 'device' | 'gateway'
  /** besides the device's own URI */
  san?: AlternativeNames
  /** who already has a certificate for this key */
  ownerOfKey?: (spkiHash: string) => Promise<string | undefined>
}

export type UnnamedRequest = Pick<DeviceRequest, 'csrPem' | 'days' | 'keyType' | 'ownerOfKey'>

export interface ServerCertificate {
  /** leaf and issuing authority */
  certPem: string
  keyPem: string
  notAfter: number
  /** ask again from then on: two thirds of its life are over */
  renewAt: number
}

interface ServerDoc {
  names: string[]
  certPem: string
  sealedKey: string
  issuerId?: string
  notBefore: number
  notAfter: number
}

const servers = 'pki_servers'
const place = { owner: 'pki', cid: 'listeners', field: 'privateKey' }

export interface LeafCertificates {
  issueDevice(request: DeviceRequest): Promise<DeviceCertificate>
  checkDevice(request: Pick<DeviceRequest, 'id' | 'csrPem' | 'keyType' | 'ownerOfKey'>): Promise<{ spkiHash?: string }>
  issueUnnamed(request: UnnamedRequest): Promise<DeviceCertificate>
  serverCertificate(o: { names: readonly string[] }): Promise<ServerCertificate>
}

export async function openLeafCertificates(
  o: AuthorityOptions,
  cas: CaRecords,
  issuing: IssuingAuthorities,
): Promise<LeafCertificates> {
  await o.store.declare(servers, {})
  const common = () => ({ now: o.now(), random: o.random })

  async function keyFor(request: UnnamedRequest & { id?: string }): Promise<{ spki: Buffer; privateKey?: KeyObject }> {
    const { id, csrPem, ownerOfKey } = request
    if (csrPem === undefined) {
      const { privateKey, spki } = await generateKey(checkKeyType(request.keyType ?? o.keyTypes?.device ?? 'ec-p256', cas.policy))
      return { spki, privateKey }
    }
    const ownerOrCa = async (hash: string) => (cas.ownerOfKey(hash) ? 'a certificate authority' : ownerOfKey?.(hash))
    const { spki } = await readCsr(csrPem, { ...cas.policy, ...(id !== undefined && { id }), ownerOfKey: ownerOrCa })
    return { spki }
  }

  const made = ({ id: issuerId, issuer, chainPem }: Issuing, request: LeafRequest & { spki: Buffer }, subject: string) => {
    const { pem, fingerprint, serial, notBefore, notAfter } = issuer.issue(request)
    const spkiHash = spkiHashOf(request.spki)
    return {
      certificatePem: pem,
      chainPem: pem + chainPem,
      fingerprint,
      serial,
      issuerId,
      spkiHash,
      subject,
      notBefore,
      notAfter,
    }
  }

  return {
    async issueDevice(request) {
      const { id, days, san, profile = 'device' } = request
      const by = await issuing.forDevices()
      const { spki, privateKey } = await keyFor(request)
      const more = { ...(days !== undefined && { days }), ...(san && { san }) }
      const issued = made(by, { profile, hubId: o.hubId, id, spki, ...more, ...common() }, `CN=${id}, O=${o.hubId}`)
      return { ...issued, ...(privateKey && { privateKeyPem: pkcs8Pem(privateKey) }) }
    },
    async checkDevice({ id, csrPem, keyType, ownerOfKey }) {
      encodeName({ CN: id, O: o.hubId })
      if (csrPem === undefined) {
        checkKeyType(keyType ?? o.keyTypes?.device ?? 'ec-p256', cas.policy)
        return {}
      }
      const { spki } = await keyFor({ id, csrPem, ...(ownerOfKey && { ownerOfKey }) })
      return { spkiHash: spkiHashOf(spki) }
    },
    async issueUnnamed(request) {
      const by = await issuing.forDevices()
      const { spki, privateKey } = await keyFor(request)
      const days = request.days === undefined ? {} : { days: request.days }
      const leaf = { profile: 'unnamed', hubId: o.hubId, spki, ...days, ...common() } as const
      const issued = made(by, leaf, `CN=${unnamedDevice}, O=${o.hubId}`)
      return { ...issued, ...(privateKey && { privateKeyPem: pkcs8Pem(privateKey) }) }
    },
    async serverCertificate({ names: wanted }) {
      const by = await issuing.forServers()
      const names = [...new Set(wanted)]
      const kept = await o.store.get<ServerDoc>(servers, 'listeners')
      if (kept && reusable(kept, names, by.id, o.now())) {
        const { certPem, sealedKey, notAfter } = kept.doc
        const key = createPrivateKey({ key: o.sealer.open(sealedKey, place), format: 'der', type: 'pkcs8' })
        return { certPem, keyPem: pkcs8Pem(key), notAfter, renewAt: renewAt(kept.doc) }
      }
      if (names.length === 0) throw new LoomError('HUB_CONFIG_INVALID', 'a server certificate needs a host name')
      const { privateKey, spki } = await generateKey(checkKeyType(o.keyTypes?.server ?? 'ec-p256', cas.policy))
      const issued = by.issuer.issue({ profile: 'server', names, spki, ...common() })
      const { notBefore, notAfter } = issued
      const certPem = issued.pem + by.chainPem
      const sealedKey = o.sealer.seal(privateKey.export({ type: 'pkcs8', format: 'der' }), place)
      const doc: ServerDoc = { names, certPem, sealedKey, issuerId: by.id, notBefore, notAfter }
      await put(o.store, doc)
      return { certPem, keyPem: pkcs8Pem(privateKey), notAfter, renewAt: renewAt(doc) }
    },
  }
}

const put = (store: StateStore, doc: ServerDoc) => store.put(servers, 'listeners', doc, { by: 'pki' })

const renewAt = ({ notBefore, notAfter }: ServerDoc) => notBefore + ((notAfter - notBefore) * 2) / 3

/** One without `issuerId` is of the time when there was a single issuing authority. */
const reusable = ({ doc }: Stored<ServerDoc>, names: readonly string[], issuerId: string, now: number) =>
  doc.names[0] === names[0] &&
  (doc.issuerId ?? 'issuing-1') === issuerId &&
  [...doc.names].sort().join() === [...names].sort().join() &&
  now >= doc.notBefore &&
  now < renewAt(doc)
