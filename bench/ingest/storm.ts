import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { connectPacket, packetReader } from '../../test/mqtt-wire.ts'

/**
 * All devices of a list connect at once over mutual TLS, each with its own certificate; who is turned away tries again. Prints `READY`, starts at `go` on
 * stdin, prints `RESULT {"seconds", "retries", "cpuUs"}` when each has its CONNACK, and stays connected.
 */
export interface StormSettings {
  host: string
  port: number
  ca: string
  devices: { id: string; cert: string; key: string }[]
}

const { host, port, ca, devices } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as StormSettings
let retries = 0
let lastTrouble = ''

const attempt = ({ id, cert, key }: StormSettings['devices'][number]): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect({ host, port, ca, cert, key, servername: '' })
    socket.once('secureConnect', () => socket.write(connectPacket({ clientId: id, keepAliveS: 600 })))
    socket.on(
      'data',
      packetReader((head, body) => {
        if (body[1]) lastTrouble = `CONNACK ${body[1]}`
        resolve(head >> 4 === 2 && body[1] === 0)
      }),
    )
    socket.on('error', error => {
      lastTrouble = error.message
    })
    socket.once('close', () => resolve(false))
  })

async function arrive(device: StormSettings['devices'][number], turn: number): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if (await attempt(device)) return
    retries++
    await new Promise(resolve => setTimeout(resolve, 300 + ((turn * 7919) % 700)))
  }
  throw new Error(`${device.id} never got in: ${lastTrouble}`)
}

process.stdin.setEncoding('utf8').once('data', async () => {
  const begun = performance.now()
  const cpu = process.cpuUsage()
  await Promise.all(devices.map(arrive))
  const { user, system } = process.cpuUsage(cpu)
  console.log(`RESULT ${JSON.stringify({ seconds: (performance.now() - begun) / 1000, retries, cpuUs: user + system })}`)
})
console.log('READY')
