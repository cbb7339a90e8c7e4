import { createHmac, timingSafeEqual } from 'node:crypto'

/** What the chain looked like at a time, signed: kept elsewhere, it shows that later entries were cut off or the chain was written anew. */
export interface Checkpoint {
  seq: number
  hash: string
  /** epoch ms */
  time: number
  /** HMAC-SHA-256 under the hub's audit key, hex */
  sig: string
}

export interface CheckpointSigner {
  sign(end: Omit<Checkpoint, 'sig'>): Checkpoint
  isSigned(checkpoint: Checkpoint): boolean
}

export function checkpointSigner(key: Uint8Array): CheckpointSigner {
  const signature = ({ seq, hash, time }: Omit<Checkpoint, 'sig'>): string =>
    createHmac('sha256', key).update(`${seq}|${hash}|${time}`).digest('hex')
  return {
    sign: ({ seq, hash, time }) => ({ seq, hash, time, sig: signature({ seq, hash, time }) }),
    isSigned(checkpoint) {
      const [mine, theirs] = [Buffer.from(signature(checkpoint)), Buffer.from(String(checkpoint.sig))]
      return mine.length === theirs.length && timingSafeEqual(mine, theirs)
    },
  }
}
