import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connectPacket, packetReader, packetTypes, publishPacket } from '../../test/mqtt-wire.ts'

/**
 * A cheap load: raw sockets and prebuilt packets. Settings: a JSON file named on the command line. Prints `CONNECTED`, then for each line
 * `run {"rate", "seconds", "qos"}` on stdin one `RESULT {..}`. At QoS 0 each connection ends with one QoS 1 message: its PUBACK shows that
 * what went before it was taken.
 */
export interface GeneratorSettings {
  host: string
  port: number
  clients: { id: string; username?: string; password?: string }[]
  /** `{id}` is the client id */
  topic: string
  payload: string
}
export interface Load {
  rate: number
  seconds: number
  qos: 0 | 1
}
export interface LoadResult {
  sent: number
  acked: number
  /** until the last acknowledgement */
  seconds: number
  cpuUs: number
  lost: number
}

const settings = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as GeneratorSettings
let lost = 0
let acked = 0

interface Peer {
  socket: Socket
  packets: [qos0: Buffer, qos1: Buffer]
}

async function open({ id, username, password }: GeneratorSettings['clients'][number]): Promise<Peer> {
  const socket = connect(settings.port, settings.host)
  socket.setNoDelay(true)
  const topic = settings.topic.replace('{id}', id)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`${id}: closed while connecting`)))
    socket.once('connect', () =>
      socket.write(
        connectPacket({
          clientId: id,
          keepAliveS: 600,
          ...(username !== undefined && { username }),
          ...(password !== undefined && { password }),
        }),
      ),
    )
    socket.on(
      'data',
      packetReader((head, body) => {
        if (head >> 4 === packetTypes.puback) acked++
        else if (head >> 4 === packetTypes.connack) body[1] ? reject(new Error(`${id}: CONNACK ${body[1]}`)) : resolve()
      }),
    )
  })
  socket.removeAllListeners('close').on('close', () => lost++)
  const build = (qos: 0 | 1) => publishPacket({ topic, payload: settings.payload, qos, id: 1 })
  return { socket, packets: [build(0), build(1)] }
}

const peers: Peer[] = []
for (let i = 0; i < settings.clients.length; i += 100)
  peers.push(...(await Promise.all(settings.clients.slice(i, i + 100).map(open))))
console.log('CONNECTED')

/** The packet identifier may repeat: what counts is the number of acknowledgements, and the hub answers each. */
function write({ socket, packets }: Peer, qos: 0 | 1, n: number) {
  const bytes = packets[qos]
  if (qos) bytes.writeUInt16BE((n % 65_535) + 1, identAt(bytes))
  socket.write(qos ? Buffer.from(bytes) : bytes)
}

const identAt = (bytes: Buffer): number => {
  let at = 1
  while (bytes[at]! & 0x80) at++
  return at + 1 + 2 + bytes.readUInt16BE(at + 1)
}

function run({ rate, seconds, qos }: Load): Promise<LoadResult> {
  return new Promise(resolve => {
    const cpu = process.cpuUsage()
    const begun = performance.now()
    const before = { acked, lost }
    const total = rate * seconds
    const expected = qos ? total : peers.length
    let sent = 0
    let closing = false
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - begun) / 1000) * rate)
      for (; sent < due; sent++) write(peers[sent % peers.length]!, qos, Math.floor(sent / peers.length))
      if (sent >= total && !qos && !closing) for (const peer of peers) write(peer, 1, total)
      if (sent >= total) closing = true
      const late = performance.now() - begun > (seconds + 20) * 1000
      if (!late && (!closing || acked - before.acked < expected)) return
      clearInterval(timer)
      const { user, system } = process.cpuUsage(cpu)
      resolve({
        sent,
        acked: acked - before.acked,
        seconds: (performance.now() - begun) / 1000,
        cpuUs: user + system,
        lost: lost - before.lost,
      })
    }, 5)
  })
}

process.stdin.setEncoding('utf8').on('data', async text => {
  const command = /run (\{.*\})/.exec(String(text))?.[1]
  if (command) console.log(`RESULT ${JSON.stringify(await run(JSON.parse(command)))}`)
})
