import { createHmac } from 'node:crypto'

/** A shared access signature of a device as the Azure SDKs make it; `expiresS` in seconds since 1970. */
export function sasToken({
  host,
  deviceId,
  key,
  expiresS,
}: {
  host: string
  deviceId: string
  key: string
  expiresS: number
}): string {
  const resource = encodeURIComponent(`${host}/devices/${deviceId}`)
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n${expiresS}`).digest('base64')
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiresS}`
}

export const inHours = (hours: number): number => Math.floor(Date.now() / 1000) + hours * 3600

/** CONNECT fields of an Azure device that signs with a key of its own. */
export const sasLogin = (deviceId: string, key: string, { host = 'hub.test', expiresS = inHours(24) } = {}) => ({
  clientId: deviceId,
  username: `${host}/${deviceId}/?api-version=2021-04-12`,
  password: sasToken({ host, deviceId, key, expiresS }),
})
