import type { Listening } from '../broker/broker-port.ts'
import type { BootstrapEndpoint } from '../provisioning/bootstrap.ts'
import type { HubOptions } from './options.ts'
import { deviceHost } from './server-names.ts'

const kinds = {
  mqtts: ['mqtts', 'dps'],
  wss: ['wss'],
  https: ['https', 'wss'],
  shared: ['mqtts', 'dps', 'https', 'wss'],
} as const

/** Where devices find this hub, by what they speak; only listeners with TLS that are open. `passing`: on ports that the system chose, this time. */
export function endpointsOf(
  options: HubOptions,
  listeners: readonly Listening[],
): Record<'endpoints' | 'passing', BootstrapEndpoint[]> {
  const host = deviceHost(options, listeners).replace(/:\d+$/, '')
  const found: Record<'endpoints' | 'passing', BootstrapEndpoint[]> = { endpoints: [], passing: [] }
  for (const { kind, port, state } of listeners) {
    if (state !== 'open' || kind === 'mqtt' || kind === 'ws') continue
    const lasts = options.listeners.some(wanted => wanted.kind === kind && wanted.port === port)
    const list = lasts ? found.endpoints : found.passing
    list.push(...kinds[kind].map(spoken => ({ kind: spoken, address: `${host}:${port}` })))
  }
  return found
}
