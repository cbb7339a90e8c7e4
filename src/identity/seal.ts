import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import { LoomError } from '../errors.ts'

/** Where a secret lives: part of what is authenticated, so that sealed texts cannot be swapped between rows. */
export interface SealPlace {
  /** device id, or the part of the hub that owns the secret */
  owner: string
  cid: string
  field: string
}

/** Seals secrets that must be recoverable under the hub key. */
export interface Sealer {
  /** Names the hub key in sealed texts: 8 hex digits. */
  readonly kid: string
  /** To be stored once and given to `verifyCheck` at each start. */
  readonly check: string
  /** HUB_KEY_MISMATCH if the stored check value was made with another key. */
  verifyCheck(stored: string): void
  /** `v1.{kid}.{nonce}.{ct}.{tag}`, base64url: AES-256-GCM. */
  seal(plain: string | Uint8Array, place: SealPlace): string
  /** HUB_KEY_MISMATCH for another key, STORE_CORRUPT for a text that was changed or moved. */
  open(sealed: string, place: SealPlace): Buffer
  /** First 8 hex digits of a keyed hash: to compare secrets by eye. */
  hint(secret: string): string
  /** A key of its own for another purpose. */
  subkey(label: 'tokens' | 'urls' | 'audit' | 'wake'): Buffer
}

/** `key`: the 32 bytes of the hub key. */
export function createSealer(o: { key: Uint8Array; hubId: string; random: (size: number) => Buffer }): Sealer {
  const { key, hubId, random } = o
  if (key.length !== 32)
    throw new LoomError('HUB_CONFIG_INVALID', `a hub key of ${key.length} bytes`, { hint: 'it has 32 bytes' })
  const derive = (label: string) => Buffer.from(hkdfSync('sha256', key, hubId, label, 32))
  // as key objects once: node:crypto would make one of the bytes at each use, which takes four times as long as the work
  const secrets = createSecretKey(derive('secrets'))
  const hints = createSecretKey(derive('hint'))
  const fingerprint = derive('check')
  const kid = fingerprint.subarray(0, 4).toString('hex')
  const check = `v1.${kid}.${fingerprint.subarray(4, 28).toString('base64url')}`
  const aad = ({ owner, cid, field }: SealPlace) => Buffer.from([hubId, owner, cid, field].join('|'))

  return {
    kid,
    check,
    verifyCheck(stored) {
      const [mine, theirs] = [Buffer.from(check), Buffer.from(stored)]
      if (mine.length !== theirs.length || !timingSafeEqual(mine, theirs)) throw mismatch(kid, stored.split('.')[1])
    },
    seal(plain, place) {
      const nonce = random(12)
      const cipher = createCipheriv('aes-256-gcm', secrets, nonce).setAAD(aad(place))
      const text = Buffer.concat([cipher.update(plain), cipher.final()])
      return ['v1', kid, ...[nonce, text, cipher.getAuthTag()].map(part => part.toString('base64url'))].join('.')
    },
    open(sealed, place) {
      const [version, sealedBy, ...parts] = sealed.split('.')
      const [nonce, text, tag] = parts.map(part => Buffer.from(part, 'base64url'))
      const where = `${place.field} of "${place.owner}"`
      if (version !== 'v1' || parts.length !== 3 || nonce?.length !== 12 || !text || tag?.length !== 16)
        throw new LoomError('STORE_CORRUPT', `the sealed ${where} has another form`)
      if (sealedBy !== kid) throw mismatch(kid, sealedBy)
      try {
        const decipher = createDecipheriv('aes-256-gcm', secrets, nonce, { authTagLength: 16 }).setAAD(aad(place)).setAuthTag(tag)
        return Buffer.concat([decipher.update(text), decipher.final()])
      } catch {
        throw new LoomError('STORE_CORRUPT', `the sealed ${where} was changed or moved`, { hint: 'replace that credential' })
      }
    },
    hint: secret => createHmac('sha256', hints).update(secret).digest('hex').slice(0, 8),
    subkey: derive,
  }
}

const mismatch = (kid: string, other: string | undefined) =>
  new LoomError('HUB_KEY_MISMATCH', `key ${kid} is given, the data was sealed with ${String(other).slice(0, 8)}`, {
    hint: 'give the hub key this data folder was made with',
  })
