import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blocksOf, type CertificateCredential, type DeviceCredential, type KeyCredential } from './credentials.ts'

interface Wanted {
  id: string
  /** whose certificates count */
  caPem: string
  now: number
}

/** The keys of a fleet on disk: per device what it proves itself with, and perhaps a successor that was not used yet. Folder 0700, files 0600. */
export interface KeyFolder {
  /** A certificate if it is whole, valid for another day, and from one of the authorities in `caPem`; else a shared key. */
  stored(o: Wanted): Promise<DeviceCredential | undefined>
  /** The same for the successor. */
  successor(o: Wanted): Promise<CertificateCredential | undefined>
  keep(id: string, credential: DeviceCredential): Promise<void>
  keepSuccessor(id: string, credential: CertificateCredential): Promise<void>
  /** The successor takes the place of what is stored, in one step; it is gone from its own. */
  promote(id: string): Promise<void>
  dropSuccessor(id: string): Promise<void>
}

const renewBeforeMs = 86_400_000

export async function openKeyFolder(folder: string): Promise<KeyFolder> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  // Ids end in a number: none is another with one of these endings.
  const fileOf = (id: string, ending: 'pem' | 'next' | 'key'): string => join(folder, `${encodeURIComponent(id)}.${ending}`)
  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(`${file}.new`, text, { mode: 0o600 })
    await rename(`${file}.new`, file)
  }
  const textOf = ({ keyPem, certPem }: CertificateCredential): string => `${keyPem.trimEnd()}\n${certPem}\n`
  const readCertificate = async (file: string, o: Wanted): Promise<CertificateCredential | undefined> =>
    usable(await readFile(file, 'utf8').catch(() => ''), o)

  return {
    stored: async o => (await readCertificate(fileOf(o.id, 'pem'), o)) ?? readKey(fileOf(o.id, 'key')),
    async successor(o) {
      const found = await readCertificate(fileOf(o.id, 'next'), o)
      return found && { ...found, successor: true }
    },
    async keep(id, credential) {
      const byKey = 'sharedKey' in credential
      await write(fileOf(id, byKey ? 'key' : 'pem'), byKey ? JSON.stringify(credential) : textOf(credential))
      // Left behind, it would count again one day.
      await rm(fileOf(id, byKey ? 'pem' : 'key'), { force: true })
      await rm(fileOf(id, 'next'), { force: true })
    },
    keepSuccessor: (id, credential) => write(fileOf(id, 'next'), textOf(credential)),
    promote: id => rename(fileOf(id, 'next'), fileOf(id, 'pem')),
    dropSuccessor: id => rm(fileOf(id, 'next'), { force: true }),
  }
}

/** Undefined for a damaged text: it is replaced. */
function usable(text: string, { caPem, now }: Wanted): CertificateCredential | undefined {
  const [keyPem, ...certificates] = blocksOf(text)
  if (!keyPem || !certificates[0]) return undefined
  try {
    const leaf = new X509Certificate(certificates[0])
    const timely = Date.parse(leaf.validFrom) <= now + 300_000 && Date.parse(leaf.validTo) > now + renewBeforeMs
    if (!timely || !leaf.checkPrivateKey(createPrivateKey(keyPem))) return undefined
    const authorities = [...certificates.slice(1), ...blocksOf(caPem)].map(pem => new X509Certificate(pem))
    return trustedBy(leaf, authorities, caPem) ? { keyPem, certPem: certificates.join('\n') } : undefined
  } catch {
    return undefined
  }
}

/** Whether a device could use it and the hub's authorities made it. */
export const isUsable = ({ keyPem, certPem }: CertificateCredential, o: Omit<Wanted, 'id'>): boolean =>
  usable(`${keyPem}\n${certPem}`, { id: '', ...o }) !== undefined

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

async function readKey(file: string): Promise<KeyCredential | undefined> {
  try {
    const { sharedKey, hub, dial } = JSON.parse(await readFile(file, 'utf8')) as KeyCredential
    return sharedKey && hub ? { sharedKey, hub, ...(dial && { dial }) } : undefined
  } catch {
    return undefined
  }
}
