import { networkInterfaces } from 'node:os'
import type { Listening } from '../broker/broker-port.ts'
import type { HubOptions } from './options.ts'

const anyAddress = new Set(['0.0.0.0', '::'])
/** What SDKs dial when a host names no port. */
const mqttsPort = 8883

/** Every DNS name and address by which a device may reach the listeners; the server certificate carries them all. */
export function serverNames({ listeners, hubNames = [], publicHost }: HubOptions): string[] {
  const names = new Set<string>(['localhost', '127.0.0.1', '::1', ...hubNames])
  if (publicHost) names.add(publicHost)
  for (const { host } of listeners) {
    if (!anyAddress.has(host)) names.add(host)
    else
      for (const addresses of Object.values(networkInterfaces()))
        for (const { address, scopeid } of addresses ?? []) if (!scopeid) names.add(address)
  }
  return [...names]
}

/** The name a device is told to connect to, with the port of the TLS listener where it is not the usual one. */
export function deviceHost({ publicHost, hubNames = [] }: HubOptions, listeners: readonly Listening[]): string {
  const tls = listeners.find(({ kind, state }) => kind === 'mqtts' && state === 'open')
  const name = publicHost || hubNames[0] || (tls && !anyAddress.has(tls.host) ? tls.host : 'localhost')
  const bare = name.includes(':') && !name.includes('.') && !name.startsWith('[') ? `[${name}]` : name
  return !tls || tls.port === mqttsPort || /[^:]:\d+$/.test(bare) ? bare : `${bare}:${tls.port}`
}
