import { createHash } from 'node:crypto'

export type AuditResult = 'ok' | 'refused' | 'failed'

/** Something that was done, or was tried and refused. */
export interface AuditFact {
  /** epoch ms */
  time: number
  /** who: `user anna`, `node 3f2a`, `device pump-1`, `hub` */
  actor: string
  /** what, `noun.verb`: `device.create` */
  action: string
  /** to whom or what: a device id, a policy id */
  target: string
  result: AuditResult
  /** for people; already without secrets. Kept beside the chain, so that it can be erased without breaking it. */
  detail?: Readonly<Record<string, unknown>>
}

/** One link of the chain. */
export interface AuditEntry extends Omit<AuditFact, 'detail'> {
  /** dense, from 1 */
  seq: number
  /** SHA-256 of the detail's text, lower hex; '' without one */
  detailHash: string
  /** hash of the entry before, 64 zeros for the first */
  prev: string
  hash: string
}

export const noPrevious = '0'.repeat(64)

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')

export const detailHashOf = (text: string): string => sha256(text)

/** SHA-256 over the previous hash and every field with its length before it, so that no two entries have the same bytes. */
export function hashOf({ seq, time, actor, action, target, result, detailHash, prev }: Omit<AuditEntry, 'hash'>): string {
  const hash = createHash('sha256').update(Buffer.from(prev, 'hex'))
  for (const field of [String(seq), String(time), actor, action, target, result, detailHash]) {
    const bytes = Buffer.from(field)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return hash.digest('hex')
}

/** Why an entry cannot follow the one before, or undefined if it can. `detail`: its text as kept, undefined if erased or never there. */
export function faultOf(
  entry: AuditEntry,
  before: { seq: number; hash: string },
  detail: string | undefined,
): string | undefined {
  if (entry.seq !== before.seq + 1) return `entry ${before.seq + 1} is missing`
  if (entry.prev !== before.hash) return 'it does not follow the entry before'
  if (entry.hash !== hashOf(entry)) return 'its content was changed'
  if (detail !== undefined && detailHashOf(detail) !== entry.detailHash) return 'its detail was changed'
  return undefined
}
