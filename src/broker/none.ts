import type { BrokerPort } from './broker-port.ts'

/** A hub without devices of its own: journal, stores and flows only. */
export const createNoBroker = (): BrokerPort => ({
  start: async () => [],
  listeners: () => [],
  send: async () => {},
  publish: async () => {},
  connections: () => [],
  connectionsOf: () => [],
  holderOf: () => undefined,
  recheck: async () => {},
  disconnect: async () => {},
  purge: async () => {},
  setTls: () => {},
  metrics: () => ({
    connections: 0,
    received: 0,
    routed: 0,
    delivered: 0,
    refusedConnects: 0,
    refusedPublishes: 0,
    dropped: 0,
    openSlots: 0,
    pendingBytes: 0,
    paused: 0,
    sessions: 0,
    queued: 0,
    retained: 0,
  }),
  stop: async () => {},
})
