import type { Listening } from '../broker/broker-port.ts'
import type { HubOptions } from './options.ts'
import { deviceHost } from './server-names.ts'

const kinds = {
  mqtts: ['mqtts', 'dps'],
  wss: ['wss'],
  https: ['https', 'wss'],
  shared: ['mqtts', 'dps', 'https', 'wss'],
} as const

/** Where devices find this hub, by what they speak; only listeners with TLS that are open. */
export function endpointsOf(
  options: HubOptions,
  listeners: readonly Listening[],
): { kind: 'mqtts' | 'wss' | 'https' | 'dps'; address: string }[] {
  const host = deviceHost(options, listeners).replace(/:\d+$/, '')
  return listeners.flatMap(({ kind, port, state }) => {
    if (state !== 'open' || kind === 'mqtt' || kind === 'ws') return []
    return kinds[kind].map(spoken => ({ kind: spoken, address: `${host}:${port}` }))
  })
}
