import { createPrivateKey, generateKeyPair, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createCsr } from '../pki/csr.ts'

/** What a device proves itself with. PEM; `certPem` is the leaf followed by its chain. */
export interface DeviceCredential {
  keyPem: string
  certPem: string
}

/** Has a certificate made for a request; the chain may be empty. */
export type Enrol = (o: { id: string; csrPem: string }) => Promise<{ certificatePem: string; chainPem?: string }>

const makeKeyPair = promisify(generateKeyPair)
const renewBeforeMs = 86_400_000

const blocksOf = (pem: string): string[] => pem.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? []
const fileOf = (folder: string, id: string): string => join(folder, `${encodeURIComponent(id)}.pem`)

/** The keys of a fleet, one file per device with key, certificate and chain; folder 0700, files 0600. */
export async function openKeyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
}

/** The stored credential, if it is whole, valid for another day, and from one of the authorities in `caPem`. */
export async function storedCredential(o: {
  folder: string
  id: string
  caPem: string
  now: number
}): Promise<DeviceCredential | undefined> {
  const text = await readFile(fileOf(o.folder, o.id), 'utf8').catch(() => '')
  const [keyPem, ...certificates] = blocksOf(text)
  if (!keyPem || !certificates[0]) return undefined
  try {
    const leaf = new X509Certificate(certificates[0])
    const timely = Date.parse(leaf.validFrom) <= o.now + 300_000 && Date.parse(leaf.validTo) > o.now + renewBeforeMs
    if (!timely || !leaf.checkPrivateKey(createPrivateKey(keyPem))) return undefined
    const authorities = [...certificates.slice(1), ...blocksOf(o.caPem)].map(pem => new X509Certificate(pem))
    return trustedBy(leaf, authorities, o.caPem) ? { keyPem, certPem: certificates.join('\n') } : undefined
  } catch {
    return undefined // a damaged file is replaced
  }
}

/** Follows the chain upwards until an authority of `caPem` signed it; at most four steps. */
function trustedBy(leaf: X509Certificate, authorities: X509Certificate[], caPem: string): boolean {
  const anchors = new Set(blocksOf(caPem).map(pem => new X509Certificate(pem).fingerprint256))
  let at = leaf
  for (let steps = 0; steps < 4; steps++) {
    const issuer = authorities.find(authority => at.checkIssued(authority) && at.verify(authority.publicKey))
    if (!issuer) return false
    if (anchors.has(issuer.fingerprint256)) return true
    at = issuer
  }
  return false
}

/** A new key and certificate, kept for the next start. The key never leaves this machine. */
export async function newCredential(o: { folder: string; id: string; enrol: Enrol }): Promise<DeviceCredential> {
  const { publicKey, privateKey } = await makeKeyPair('ec', { namedCurve: 'prime256v1' })
  const { certificatePem, chainPem = '' } = await o.enrol({ id: o.id, csrPem: createCsr({ id: o.id, publicKey, privateKey }) })
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const certPem = [...new Set([...blocksOf(certificatePem), ...blocksOf(chainPem)])].join('\n')
  const file = fileOf(o.folder, o.id)
  await writeFile(`${file}.new`, `${keyPem}${certPem}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
  return { keyPem, certPem }
}
