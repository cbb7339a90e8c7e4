import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type JournalRecord, kinds } from '../../src/journal/journal-port.ts'
import { lifecycleOf } from '../../src/telemetry/lifecycle.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

/** For whatever needs a socket: a loaded machine takes its time. */
export const patient = <T>(probe: () => T | Promise<T>) => until(probe, 60_000)

export interface Heard {
  topic: string
  text: string
  qos: number
}

/** A device on the wire, a gateway or not. */
export interface Peer {
  client: MqttClient
  heard: Heard[]
  /** What came on a topic last, once something did. */
  hears(topic: string): Promise<any>
  publish(topic: string, body?: unknown): Promise<unknown>
  grants(filter: string, qos?: 0 | 1): Promise<boolean>
  /** No message is acknowledged from now on, until the result is called: then all are. */
  hold(): () => void
}

/** A hub with gateways `gw` and `gw2`, the devices `a` and `b` behind the first, and `alone`. */
export async function openGatewayHouse(o: Partial<HubOptions> = {}) {
  const options: HubOptions = {
    hubId: 'gateway-house',
    dataDir: tempFolder('gateway-house'),
    store: 'memory',
    broker: 'embedded',
    threaded: false,
    listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
    limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    ...o,
  }
  let hub: Hub = await startHub(options)
  const clients: MqttClient[] = []
  const passwords = new Map<string, string>()

  const dial = async (id: string, more: IClientOptions = {}): Promise<Peer> => {
    const known = passwords.get(id)
    const password = known ?? (await hub.identity.addCredential({ id, credential: { kind: 'password' } })).password!
    passwords.set(id, password)
    const heard: Heard[] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${(await hub.health.get({})).listeners[0]!.port}`, {
      protocolVersion: 4,
      reconnectPeriod: 0,
      clientId: id,
      username: id,
      password,
      ...more,
    })
    clients.push(client)
    client.on('error', () => {})
    client.on('packetreceive', packet => {
      if (packet.cmd === 'publish') heard.push({ topic: packet.topic, text: packet.payload.toString(), qos: packet.qos })
    })
    return {
      client,
      heard,
      hears: async topic => JSON.parse((await patient(() => heard.findLast(one => one.topic === topic))).text),
      publish: (topic, body = '') =>
        client.publishAsync(topic, typeof body === 'string' ? body : JSON.stringify(body), { qos: 1 }),
      grants: async (filter, qos = 1) =>
        (await client.subscribeAsync(filter, { qos }).catch(() => [{ qos: 128 }]))[0]!.qos !== 128,
      hold: () => holdAcknowledgements(client),
    }
  }
  const records = async (kind: number): Promise<JournalRecord[]> =>
    (await hub.journal.read({ from: 1, limit: 10_000 })).filter(record => record.kind === kind)

  for (const id of ['gw', 'gw2', 'alone']) await hub.devices.register({ id })
  for (const id of ['a', 'b']) await hub.devices.register({ id, attributes: { gateway: 'gw' } })
  return {
    get hub() {
      return hub
    },
    dial,
    records,
    /** `loom:ActFor` unless another action is named. */
    async permit(device: string, Resource = 'device/*', Effect = 'Allow', Action = 'loom:ActFor') {
      const id = `p-${device}-${Effect}-${Action.replace(/\W/g, '_')}`
      const text = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect, Action, Resource }] })
      await hub.policies.create({ id, text })
      await hub.policies.attach({ policy: id, target: { device } })
      return id
    },
    /** So many events of its life, once they are on disk: name, reason, gateway. */
    async lived(device: string, count: number) {
      const told = async () =>
        (await records(kinds.lifecycle)).flatMap(record => {
          const event = lifecycleOf(record)
          return event?.device === device && event.event !== 'created' ? [event] : []
        })
      await patient(async () => (await told()).length >= count)
      return (await told()).map(({ event, reason, gateway }) => [event, reason, gateway])
    },
    /** With another process's eyes: the same data, nothing remembered. */
    async restart() {
      await hub.close()
      await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
      hub = await startHub(options)
    },
    async close() {
      await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
      await hub.close()
    },
  }
}

export type GatewayHouse = Awaited<ReturnType<typeof openGatewayHouse>>

/** The library has no way not to acknowledge but to hear nothing more. */
function holdAcknowledgements(client: MqttClient): () => void {
  const inside = client as unknown as { _sendPacket(packet: { cmd: string }, done?: () => void, ...more: unknown[]): unknown }
  const send = inside._sendPacket
  const held: (() => void)[] = []
  inside._sendPacket = (packet, done, ...more) => {
    if (packet.cmd !== 'puback') return send.call(client, packet, done, ...more)
    held.push(() => send.call(client, packet))
    return done?.()
  }
  return () => {
    inside._sendPacket = send
    for (const one of held) one()
  }
}
