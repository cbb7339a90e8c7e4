import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type ConnectFields, connectPacket, packetReader, packetTypes, pingPacket } from '../mqtt-wire.ts'

/**
 * A process of many devices that connect and then say nothing. Settings: a JSON file named on the command line. Prints `READY {ms}` when all are connected,
 * `CLOSED {id} {ns}` for each connection that ends, by the system's monotonic clock. On stdin `again {id}` connects one anew, answered by
 * `AGAIN {id} {code}`, -1 without CONNACK; `probe {id}` sends a ping, answered by `PROBE {id} {served|closed}`; `ping` makes each connection prove that it is served, answered by `SERVED {count}`.
 */
export interface IdleFleet {
  ports: { mqtt: number; mqtts: number }
  ca: string
  /** with a certificate by TLS, without one in plain text */
  devices: { fields: ConnectFields; cert?: string; key?: string }[]
}

type Device = IdleFleet['devices'][number]
/** handshakes under way: more would wait in the system's queue */
const atOnce = 100

const { ports, ca, devices } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as IdleFleet
const open = new Map<string, { socket: Socket; pinged?: () => void }>()

const dial = ({ fields, cert, key }: Device): Promise<number> =>
  new Promise(resolve => {
    const id = fields.clientId
    const host = '127.0.0.1'
    const secure = cert !== undefined && key !== undefined
    const socket = secure ? connectTls({ host, port: ports.mqtts, ca, cert, key, servername: '' }) : connect(ports.mqtt, host)
    socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(connectPacket({ ...fields, keepAliveS: 1200 })))
    socket.on(
      'data',
      packetReader((head, body) => {
        if (head >> 4 === packetTypes.pingresp) open.get(id)?.pinged?.()
        if (head >> 4 !== packetTypes.connack) return
        if (body[1] === 0) open.set(id, { socket })
        resolve(body[1]!)
      }),
    )
    socket.on('error', () => {})
    socket.once('close', () => {
      const ns = process.hrtime.bigint()
      if (open.get(id)?.socket === socket) {
        open.delete(id)
        console.log(`CLOSED ${id} ${ns}`)
      }
      resolve(-1)
    })
  })

function probe(id: string): void {
  const one = open.get(id)
  const say = (what: string) => console.log(`PROBE ${id} ${what}`)
  if (!one) {
    say('closed')
    return
  }
  one.pinged = () => say('served')
  one.socket.once('close', () => say('closed'))
  one.socket.write(pingPacket)
}

process.stdin.setEncoding('utf8').on('data', async text => {
  for (const line of String(text).split('\n')) {
    const [command, id] = line.split(' ')
    const device = command === 'again' && devices.find(({ fields }) => fields.clientId === id)
    if (device) console.log(`AGAIN ${id} ${await dial(device)}`)
    if (command === 'probe' && id) probe(id)
    if (command !== 'ping') continue
    let served = 0
    const all = open.size
    for (const one of open.values()) {
      one.pinged = () => ++served === all && console.log(`SERVED ${served}`)
      one.socket.write(pingPacket)
    }
  }
})

const begun = performance.now()
let next = 0
const arrive = async () => {
  while (next < devices.length) {
    const device = devices[next++]!
    const code = await dial(device)
    if (code !== 0) throw new Error(`${device.fields.clientId} was answered ${code}`)
  }
}
await Promise.all(Array.from({ length: atOnce }, arrive))
console.log(`READY ${Math.round(performance.now() - begun)}`)
