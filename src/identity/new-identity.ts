import type { Credential, Identity } from './identity.ts'
import { withDueAt } from './rotation.ts'

/** A device as it begins, of a generation of its own. */
export function newIdentity(o: {
  id: string
  enabled: boolean
  credential?: Credential
  enrolmentId?: string
  at: number
  random: (size: number) => Buffer
}): Identity {
  const { id, enabled, credential, enrolmentId, at } = o
  return withDueAt({
    id,
    idLower: id.toLowerCase(),
    generation: uuidOf(o.random(16)),
    enabled,
    state: 'active',
    credentials: credential ? [credential] : [],
    ...(enrolmentId !== undefined && { enrolmentId }),
    createdAt: at,
    updatedAt: at,
  })
}

function uuidOf(bytes: Buffer): string {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
