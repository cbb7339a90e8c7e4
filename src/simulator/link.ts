import { connect, type IClientOptions } from 'mqtt'
import { eventsTopic } from '../dialects/azure/client-topics.ts'
import { telemetryTopic } from '../dialects/plain/topics.ts'
import { signSas } from '../identity/sas.ts'
import { type Ask, ask } from './ask.ts'
import type { DeviceCredential } from './credentials.ts'

/** Where devices connect, and whom they trust there. */
export interface Endpoint {
  host: string
  port: number
  /** PEM bundle */
  caPem: string
}

export interface LinkEvents {
  up(): void
  /** Once, whatever ended it. `refused`: the hub answered that it does not admit this device. */
  down(why: { refused: boolean; message: string }): void
}

/** One attempt to connect and the connection that comes of it. After `down` or `close` it is dead. */
export interface Link {
  /** QoS 1; `acknowledged` when the PUBACK came, never after the end of the link. */
  publish(topic: string, body: string, acknowledged: () => void): void
  /**
   * Subscribes at QoS 1; `ready` when the hub has answered, whatever it grants. `again`: the link before did so too, and where the session was kept nothing is
   * left to do. None of both after the end of the link.
   */
  listen(
    filters: readonly string[],
    on: { take: (topic: string, body: Uint8Array) => void; ready: () => void; again: boolean },
  ): void
  /** PROV_DENIED, PROV_PENDING, HUB_DOWN, HUB_TIMEOUT. */
  ask: Ask
  /** `politely`: with DISCONNECT; else the socket just breaks. No `down` follows. */
  close(politely: boolean): Promise<void>
}

export interface OpenOptions {
  id: string
  endpoint: Endpoint
  credential: DeviceCredential
  /** The hub keeps the subscriptions, and sends what belongs to them as soon as the device is back. */
  keepSession?: boolean
}
export type OpenLink = (o: OpenOptions, events: LinkEvents) => Link

/** CONNACK codes that say "not you" [MQTT-3.2.2-6]: bad user name or password, not authorized. */
const refusals = new Set([4, 5])
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && refusals.has(error.code as number)

/** A connection by a shared key is closed when its token ends; the device then comes with another. */
const tokenMs = 86_400_000

/** One with a shared key is an Azure device. */
export const isAzure = (credential: DeviceCredential): boolean => 'sharedKey' in credential

/** Where a device publishes. */
export const topicOf = (id: string, credential: DeviceCredential): string =>
  isAzure(credential) ? eventsTopic(id) : telemetryTopic(id)

/** MQTT 3.1.1 over TLS, with the device's own certificate or a token signed with its key; the client id is the device's id. */
export const mqttLink: OpenLink = ({ id, endpoint, credential, keepSession = false }, events) => {
  const options: IClientOptions = {
    protocol: 'mqtts',
    host: endpoint.host,
    port: endpoint.port,
    ca: endpoint.caPem,
    ...loginOf(id, credential),
    clientId: id,
    protocolVersion: 4,
    clean: !keepSession,
    keepalive: 60,
    connectTimeout: 20_000,
    reconnectPeriod: 0,
    rejectUnauthorized: true,
    timerVariant: 'native',
  }
  const client = connect(options)
  let ended = false
  let take: ((topic: string, body: Uint8Array) => void) | undefined
  const early: Parameters<NonNullable<typeof take>>[] = []
  let why = { refused: false, message: 'connection lost' }
  const down = (): void => {
    if (ended) return
    ended = true
    client.end(true)
    events.down(why)
  }
  let resumed = false
  client.on('connect', ({ sessionPresent }) => {
    resumed = sessionPresent
    if (!ended) events.up()
  })
  client.on('error', error => {
    why = { refused: isRefusal(error), message: error.message }
    down()
  })
  client.on('close', down)
  // In a kept session messages may come before anybody listens.
  client.on('message', (topic, body) => {
    if (ended) return
    if (take) take(topic, body)
    else early.push([topic, body])
  })
  return {
    publish(topic, body, acknowledged) {
      client.publish(topic, body, { qos: 1 }, error => {
        if (!error && !ended) acknowledged()
      })
    },
    listen(filters, { take: hear, ready, again }) {
      take = hear
      for (const message of early.splice(0)) hear(...message)
      if (again && resumed) ready()
      else client.subscribe([...filters], { qos: 1 }, () => ended || ready())
    },
    ask: (topic, request) => ask(client, topic, request),
    async close(politely) {
      ended = true
      if (!politely) client.stream.destroy()
      await client.endAsync(!politely)
    },
  }
}

function loginOf(id: string, credential: DeviceCredential): IClientOptions {
  if (!('sharedKey' in credential)) return { key: credential.keyPem, cert: credential.certPem }
  const { sharedKey: key, hub, dial } = credential
  const password = signSas({ key, resource: `${hub}/devices/${id}`, expiresAt: Date.now() + tokenMs })
  return { ...dial, username: `${hub}/${id}/?api-version=2021-04-12`, password }
}
