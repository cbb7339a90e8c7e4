export const maxClientIdLength = 256

/** The id of the device, or one that begins with it and one of `- _ : . /`. */
export const isOwnClientId = (clientId: string, deviceId: string): boolean =>
  clientId === deviceId || (clientId.startsWith(deviceId) && '-_:./'.includes(clientId[deviceId.length] ?? ' '))

/**
 * Whether a device may ask to connect under a client id: one of its own; or, with a certificate named after it, anything, of which a policy decides then. Never the id of
 * another device, whatever the case of its letters, nor one under which another device holds a session.
 */
export async function ownsClientId(o: {
  clientId: string
  deviceId: string
  anyClientId: boolean
  registry: { likeId(id: string): Promise<string | undefined> }
  sessionOwner: ((clientId: string) => string | undefined) | undefined
}): Promise<boolean> {
  const { clientId, deviceId } = o
  if (clientId === deviceId) return true
  if (!isOwnClientId(clientId, deviceId) && !o.anyClientId) return false
  const named = await o.registry.likeId(clientId)
  if (named !== undefined && named !== deviceId) return false
  const holder = o.sessionOwner?.(clientId)
  return holder === undefined || holder === deviceId
}
