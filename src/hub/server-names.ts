import { networkInterfaces } from 'node:os'
import type { HubOptions } from './options.ts'

/** Every DNS name and address by which a device may reach the listeners; the server certificate carries them all. */
export function serverNames({ listeners, hubNames = [], publicHost }: HubOptions): string[] {
  const names = new Set<string>(['localhost', '127.0.0.1', '::1', ...hubNames])
  if (publicHost) names.add(publicHost)
  for (const { host } of listeners) {
    if (host !== '0.0.0.0' && host !== '::') names.add(host)
    else
      for (const addresses of Object.values(networkInterfaces()))
        for (const { address, scopeid } of addresses ?? []) if (!scopeid) names.add(address)
  }
  return [...names]
}
