import type { Identity } from './identity.ts'

export const maxClientIdLength = 256

/**
 * Whether a device may connect under a client id: its own id; or one that begins with it and one of `- _ : . /`; or, with a certificate named after it,
 * anything. Never the id of another device, nor one under which another device holds a session.
 */
export async function ownsClientId(o: {
  clientId: string
  deviceId: string
  anyClientId: boolean
  registry: { find(id: string): Promise<Identity | undefined> }
  sessionOwner: ((clientId: string) => string | undefined) | undefined
}): Promise<boolean> {
  const { clientId, deviceId } = o
  if (clientId === deviceId) return true
  const derived = clientId.startsWith(deviceId) && '-_:./'.includes(clientId[deviceId.length] ?? ' ')
  if (!derived && !o.anyClientId) return false
  if (await o.registry.find(clientId)) return false
  const holder = o.sessionOwner?.(clientId)
  return holder === undefined || holder === deviceId
}
