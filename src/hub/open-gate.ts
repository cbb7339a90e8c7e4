import type { BrokerGate, BrokerPort } from '../broker/broker-port.ts'
import { isAwsEvent } from '../dialects/aws/events.ts'
import type { Registry } from '../identity/registry.ts'
import type { createDeviceHttp } from './device-http.ts'
import { createGate, type GateParts, type RequestAnswer } from './gate.ts'
import type { LeafPresence } from './leaf-presence.ts'
import type { Listening } from './listening.ts'
import type { OpenCommands } from './open-commands.ts'
import type { Models } from './open-models.ts'
import type { Provisioning } from './open-provisioning.ts'
import type { OpenTwins } from './open-twins.ts'
import type { PresenceTopics } from './presence-topics.ts'

interface GateHouse
  extends Pick<
    GateParts,
    'authenticator' | 'ingest' | 'presence' | 'rights' | 'allowAnonymous' | 'commandTopics' | 'now' | 'emit' | 'delay'
  > {
  registry: Pick<Registry, 'find' | 'accepts'>
  models: Models
  wire: OpenTwins['wire']
  commands: OpenCommands
  leafPresence: LeafPresence
  provisioning: Provisioning
  topics: PresenceTopics
  listening: Listening
  deviceHttp: ReturnType<typeof createDeviceHttp>
  broker(): BrokerPort
  send(connectionId: string, message: RequestAnswer): void
}

/** The gate of the broker, asking and telling everyone of the house whom a connection concerns. */
export function openGate(house: GateHouse): BrokerGate {
  const { authenticator, registry, rights, models, wire, commands, leafPresence, provisioning, topics, listening, broker } = house
  return createGate({
    ...house,
    connects: models.connects,
    whenKnown: models.whenKnown,
    requests: (connection, request, payload, registration) =>
      wire.request(connection, request, payload) ??
      commands.request(connection, request, payload) ??
      leafPresence.request(connection, request) ??
      provisioning.request(connection, request, payload, registration),
    listens: (connection, granted) => (granted.features.some(isAwsEvent) ? topics : listening).listens(connection, granted),
    listensNoMore(connection, filter) {
      listening.listensNoMore(connection, filter)
      topics.listensNoMore(connection, filter)
      commands.listensNoMore(connection, filter)
    },
    subscribed: (connection, filter) => topics.subscribed(connection, filter),
    unsubscribed: (connection, filter) => topics.unsubscribed(connection, filter),
    open(connection) {
      listening.open(connection)
      topics.open(connection)
    },
    gone(connection, reason) {
      listening.gone(connection, reason)
      topics.gone(connection)
      leafPresence.gone(connection, reason)
      commands.gone(connection)
      models.gone(connection)
      provisioning.gone(connection)
    },
    http: (request, { remoteAddress, ...facts }) => house.deviceHttp(request, { address: remoteAddress, secure: true, ...facts }),
    answer: house.send,
    stillWelcome: async ({ principal }) => {
      const { deviceId, cid } = principal
      if (!deviceId) return provisioning.welcomes(principal)
      rights.setQuarantined(principal, (await registry.find(deviceId))?.state === 'quarantined')
      return (await registry.accepts({ deviceId, cid })) && authenticator.stillHolds(principal)
    },
    disconnect: ({ id }) => void broker().disconnect(id, 'FORBIDDEN_ACCESS'),
  })
}
