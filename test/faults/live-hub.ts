import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { CredentialRequest, DeviceSecrets, Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { JournalRecord } from '../../src/journal/journal-port.ts'
import { type ConnectFields, connectPacket, packetTypes, publishPacket, type Talk, talk } from '../mqtt-wire.ts'
import { tempFolder } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'

/** A hub with real sockets, and what a test needs to talk to it. */
export interface LiveHub {
  hub: Hub
  options: HubOptions
  port(kind: 'mqtt' | 'mqtts'): Promise<number>
  /** A socket without CONNECT. */
  raw(): Promise<Talk>
  rawTls(o: { cert?: string; key?: string }): Promise<Talk>
  /** CONNECT over plaintext; resolves with the code of the CONNACK. */
  dial(fields: ConnectFields): Promise<{ peer: Talk; code: number }>
  register(id: string, credentials?: CredentialRequest): Promise<DeviceSecrets>
  /** A registered device with a SAS key, connected. */
  device(id: string): Promise<Talk>
  /** A well-behaved device gets its message acknowledged and into the journal. */
  serves(): Promise<void>
  records(device: string): Promise<JournalRecord[]>
}

let live: Hub[] = []
let peers: Talk[] = []

/** Ends what a test opened; for `afterEach`. */
export async function endAll(): Promise<void> {
  for (const peer of peers) peer.end()
  peers = []
  const closing = live
  live = []
  for (const hub of closing) await hub.close()
}

export async function liveHub(more: Partial<HubOptions> = {}): Promise<LiveHub> {
  const options: HubOptions = {
    hubId: 'faults',
    dataDir: join(tempFolder('hub'), 'data'),
    store: 'sqlite',
    broker: 'embedded',
    listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
    threaded: false,
    ...more,
    limits: { connectsPerSecondPerAddress: 0, ...more.limits },
  }
  const hub = await startHub(options)
  live.push(hub)
  const keep = (peer: Talk) => {
    peers.push(peer)
    return peer
  }
  const port = async (kind: 'mqtt' | 'mqtts') => {
    const { listeners } = await hub.health.get({})
    const found = listeners.find(listener => listener.kind === kind && listener.state === 'open')
    assert(found, `no open ${kind} listener`)
    return found.port
  }
  const raw = async () => {
    const socket = connect(await port('mqtt'), '127.0.0.1')
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return keep(talk(socket))
  }
  const dial = async (fields: ConnectFields) => {
    const peer = await raw()
    peer.send(connectPacket(fields))
    const { body } = await peer.next(packetTypes.connack)
    return { peer, code: body[1]! }
  }
  const register = async (id: string, credentials: CredentialRequest = { kind: 'sas' }) =>
    (await hub.devices.register({ id, credentials })).secrets!
  const device = async (id: string) => {
    const { primaryKey } = await register(id)
    const { peer, code } = await dial(sasLogin(id, primaryKey!))
    assert.equal(code, 0)
    return peer
  }
  const records = async (id: string) => {
    const all: JournalRecord[] = []
    let from = Math.max(1, (await hub.journal.metrics({})).oldestSeq)
    while (true) {
      const some = await hub.journal.read({ from, limit: 1000 })
      if (!some.length) break
      all.push(...some)
      from = some.at(-1)!.seq + 1
    }
    return all.filter(record => record.device === id && record.kind === 1)
  }
  let served = 0
  return {
    hub,
    options,
    port,
    raw,
    async rawTls({ cert, key }) {
      const { rootPem } = await hub.pki.caCertificates({})
      const socket = connectTls({
        host: '127.0.0.1',
        port: await port('mqtts'),
        ca: rootPem,
        servername: '',
        ...(cert && { cert }),
        ...(key && { key }),
      })
      await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      return keep(talk(socket))
    },
    dial,
    register,
    device,
    async serves() {
      const id = `good-${served++}-${Date.now().toString(36)}`
      const peer = await device(id)
      peer.send(publishPacket({ topic: azureTopic(id), payload: '{"ok":1}', qos: 1, id: 7 }))
      assert.equal((await peer.next(packetTypes.puback)).body.readUInt16BE(0), 7)
      assert.equal((await records(id)).length, 1)
      peer.end()
    },
    records,
  }
}

export const azureTopic = (id: string) => `devices/${id}/messages/events/`
