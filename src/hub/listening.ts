import type { Connection, DisconnectReason } from '../broker/broker-port.ts'
import { matches } from '../broker/topic-match.ts'
import type { DeviceNews } from '../dialects/twin-port.ts'

/** A filter of a connection under which the hub itself tells it something. */
export interface Listener {
  connection: Connection
  /** whose news it is about: the connection's own, or one that it acts for */
  deviceId: string
  filter: string
  features: readonly string[]
  qos: 0 | 1
  /** the filter was there when the connection came: its session was kept, and it was told nothing yet of what it missed */
  restored: boolean
  /** the connection itself asked for it: its application is there */
  subscribed: boolean
}

export interface Listening {
  /** The gate granted a filter that hears of these features. */
  listens(connection: Connection, o: { filter: string; features: readonly string[]; qos: 0 | 1; deviceId?: string }): void
  listensNoMore(connection: Connection, filter: string): void
  /** It can be sent something from now on. */
  open(connection: Connection): void
  gone(connection: Connection, reason: DisconnectReason): void
  /** Those of other devices that listen for this one. */
  gatewaysOf(deviceId: string): Connection[]
  /** Who hears of a feature, among the connections of a device that are open. */
  of(deviceId: string, feature: string): Listener[]
  /** The same among all devices. */
  all(feature: string): Listener[]
  hears(deviceId: string, topic: string): boolean
  /** To each connection of the device that subscribed the topic and may hear it, once, at the highest QoS it was granted. */
  tell(deviceId: string, news: DeviceNews): void
  /** To one of them alone, if it may hear it. */
  tellOne(listener: Listener, news: DeviceNews): void
  /**
   * `began` is called in a turn of its own once a connection can be told: after the SUBACK, or after its CONNACK for filters that were kept. `ended`: with the
   * connection, which is no longer among those that listen.
   */
  on(feature: string, began: (listener: Listener) => void, ended?: (listener: Listener, reason: DisconnectReason) => void): void
}

/** Who among the live connections hears what the hub tells its devices. Nothing here is kept for devices that are away. */
export function createListening(o: {
  send(connectionId: string, message: DeviceNews & { qos: 0 | 1 }): void
  /** By policy and quarantine. */
  mayHear(connection: Connection, topic: string, features: readonly string[]): boolean
}): Listening {
  const byDevice = new Map<string, Map<string, Map<string, Listener>>>()
  const opened = new WeakSet<Connection>()
  const begun = new WeakSet<Listener>()
  /** the devices that a connection listens for, by its id */
  const devicesOf = new Map<string, Set<string>>()
  const handlers: { feature: string; began: Parameters<Listening['on']>[1]; ended: Parameters<Listening['on']>[2] }[] = []

  const begin = (listener: Listener): void => {
    setImmediate(() => {
      const { connection, deviceId, filter } = listener
      // it may have ended meanwhile, or listen under a later grant
      if (byDevice.get(deviceId)?.get(connection.id)?.get(filter) !== listener) return
      begun.add(listener)
      for (const { feature, began } of handlers) if (listener.features.includes(feature)) began(listener)
    })
  }
  const listeners = function* (deviceId: string): Generator<Listener> {
    for (const filters of byDevice.get(deviceId)?.values() ?? [])
      for (const listener of filters.values()) if (opened.has(listener.connection)) yield listener
  }

  return {
    listens(connection, { deviceId = connection.principal.deviceId, ...granted }) {
      devicesOf.set(connection.id, (devicesOf.get(connection.id) ?? new Set()).add(deviceId))
      const connections = byDevice.get(deviceId) ?? new Map<string, Map<string, Listener>>()
      byDevice.set(deviceId, connections)
      const filters = connections.get(connection.id) ?? new Map<string, Listener>()
      connections.set(connection.id, filters)
      const subscribed = opened.has(connection)
      // A client that subscribes right after its CONNACK comes before the turn of what its session kept
      const before = filters.get(granted.filter)
      const restored = !subscribed || (before?.restored === true && !begun.has(before))
      const listener: Listener = { connection, deviceId, ...granted, restored, subscribed }
      filters.set(granted.filter, listener)
      if (subscribed) begin(listener)
    },
    listensNoMore({ id }, filter) {
      for (const deviceId of devicesOf.get(id) ?? []) byDevice.get(deviceId)?.get(id)?.delete(filter)
    },
    open(connection) {
      opened.add(connection)
      for (const deviceId of devicesOf.get(connection.id) ?? [])
        for (const listener of byDevice.get(deviceId)?.get(connection.id)?.values() ?? []) begin(listener)
    },
    gone({ id }, reason) {
      const ended: Listener[] = []
      for (const deviceId of devicesOf.get(id) ?? []) {
        const connections = byDevice.get(deviceId)
        ended.push(...(connections?.get(id)?.values() ?? []))
        if (connections?.delete(id) && connections.size === 0) byDevice.delete(deviceId)
      }
      devicesOf.delete(id)
      for (const listener of ended)
        for (const { feature, ended: tell } of handlers) if (listener.features.includes(feature)) tell?.(listener, reason)
    },
    gatewaysOf: deviceId => [
      ...new Set(
        [...listeners(deviceId)].map(({ connection }) => connection).filter(({ principal }) => principal.deviceId !== deviceId),
      ),
    ],
    of: (deviceId, feature) => [...listeners(deviceId)].filter(({ features }) => features.includes(feature)),
    all: feature => [...byDevice.keys()].flatMap(id => [...listeners(id)].filter(({ features }) => features.includes(feature))),
    hears(deviceId, topic) {
      for (const { filter } of listeners(deviceId)) if (matches(filter, topic)) return true
      return false
    },
    tell(deviceId, news) {
      const told = new Map<Connection, { qos: 0 | 1; features: readonly string[] }>()
      for (const { connection, filter, features, qos } of listeners(deviceId)) {
        if (!matches(filter, news.topic)) continue
        const before = told.get(connection)
        if (!before || before.qos < qos) told.set(connection, { qos, features })
      }
      for (const [connection, { qos, features }] of told)
        if (o.mayHear(connection, news.topic, features)) o.send(connection.id, { ...news, qos })
    },
    tellOne({ connection, features, qos }, { topic, payload }) {
      if (o.mayHear(connection, topic, features)) o.send(connection.id, { topic, payload, qos })
    },
    on: (feature, began, ended) => void handlers.push({ feature, began, ended }),
  }
}
