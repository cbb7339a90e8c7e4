import { isIP } from 'node:net'
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

/**
 * The name a device is told to connect to, with the port of the TLS listener where it is not the usual one. `dialled`: by which name or address the device that asks
 * came; it counts if the server's certificate carries it. An address is the last resort: behind a router it is not the one that devices see.
 */
export function deviceHost(options: HubOptions, listeners: readonly Listening[], dialled = ''): string {
  const { publicHost, hubNames = [] } = options
  const open = (wanted: Listening['kind']) => listeners.find(({ kind, state }) => kind === wanted && state === 'open')
  const tls = open('mqtts') ?? open('shared')
  const reached = serverNames(options).some(own => own.toLowerCase() === dialled) ? dialled : ''
  const bound = tls && !anyAddress.has(tls.host) ? tls.host : ''
  const name = publicHost || (isIP(reached) ? '' : reached) || hubNames[0] || bound || reached || 'localhost'
  const bare = name.includes(':') && !name.includes('.') && !name.startsWith('[') ? `[${name}]` : name
  return !tls || tls.port === mqttsPort || /[^:]:\d+$/.test(bare) ? bare : `${bare}:${tls.port}`
}
