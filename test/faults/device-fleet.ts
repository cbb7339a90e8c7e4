import { openSync, readFileSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connectPacket, packetReader, packetTypes, pingPacket, publishPacket } from '../mqtt-wire.ts'

/**
 * A process of many devices that publish at QoS 1 at a steady rate and outlive their hub: each keeps what is not acknowledged, connects again and repeats
 * it in order. Every PUBACK is written to a file before it counts. Settings: a JSON file named on the command line; `stop` on stdin ends the offering, the
 * process ends when all is acknowledged.
 */
export interface FleetSettings {
  host: string
  port: number
  devices: { id: string; username: string; password: string; topic: string }[]
  /** messages a second, all devices together */
  rate: number
  /** one line `device n` per PUBACK */
  ackLog: string
  /** messages a device may have without acknowledgement before it offers no more */
  window: number
}

/** Told on stdout ten times a second, a line of JSON each. */
export interface FleetCounts {
  /** time connected, the mean of all devices */
  upMs: number
  /** messages offered: repeats aside */
  sent: number
  acked: number
  repeated: number
  connects: number
  refused: number
}

const settings = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as FleetSettings
const ackLog = openSync(settings.ackLog, 'a')
const counts: FleetCounts = { upMs: 0, sent: 0, acked: 0, repeated: 0, connects: 0, refused: 0 }
let stopping = false

class Device {
  readonly #spec
  #socket: Socket | undefined
  #ready = false
  #next = 0
  /** not acknowledged yet, in order; a packet id is n modulo 65,535 plus 1, as no more than `window` are open */
  readonly #open: number[] = []

  constructor(spec: FleetSettings['devices'][number]) {
    this.#spec = spec
    this.#connect()
  }

  get ready(): boolean {
    return this.#ready
  }

  get idle(): boolean {
    return this.#open.length === 0
  }

  #connect() {
    const socket = connect(settings.port, settings.host)
    this.#socket = socket
    socket.setNoDelay(true)
    const { id, username, password } = this.#spec
    socket.once('connect', () => socket.write(connectPacket({ clientId: id, username, password, clean: false, keepAliveS: 60 })))
    socket.on(
      'data',
      packetReader((head, body) => this.#take(head >> 4, body)),
    )
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#ready = false
      if (!stopping || !this.idle) setTimeout(() => this.#connect(), 100 + (counts.connects % 10) * 20)
    })
  }

  #take(type: number, body: Buffer) {
    if (type === packetTypes.connack) {
      if (body[1] !== 0) {
        counts.refused++
        return
      }
      counts.connects++
      this.#ready = true
      for (const n of this.#open) this.#write(n, true)
    } else if (type === packetTypes.puback) {
      const ident = body.readUInt16BE(0)
      const at = this.#open.findIndex(n => (n % 65_535) + 1 === ident)
      if (at < 0) return
      writeSync(ackLog, `${this.#spec.id} ${this.#open[at]}\n`)
      this.#open.splice(at, 1)
      counts.acked++
    }
  }

  #write(n: number, dup: boolean) {
    if (dup) counts.repeated++
    const payload = `{"n":${n},"t":${(n % 100) / 4}}`
    this.#socket?.write(publishPacket({ topic: this.#spec.topic, payload, qos: 1, id: (n % 65_535) + 1, dup }))
  }

  offer() {
    if (!this.#ready || this.#open.length >= settings.window) return
    const n = this.#next++
    this.#open.push(n)
    counts.sent++
    this.#write(n, false)
  }

  ping() {
    if (this.#ready) this.#socket?.write(pingPacket)
  }

  end() {
    this.#socket?.destroy()
  }
}

const devices = settings.devices.map(spec => new Device(spec))
const started = performance.now()
let looked = started
let offered = 0
let turn = 0
const offering = setInterval(() => {
  const due = ((performance.now() - started) / 1000) * settings.rate
  // After a pause of this process itself there is no burst to catch up.
  if (due - offered > settings.rate / 4) offered = due - settings.rate / 4
  for (; offered < due; offered++) devices[turn++ % devices.length]!.offer()
  const now = performance.now()
  counts.upMs += ((now - looked) * devices.filter(device => device.ready).length) / devices.length
  looked = now
}, 5)
const pinging = setInterval(() => {
  for (const device of devices) device.ping()
}, 20_000)
const telling = setInterval(() => console.log(JSON.stringify(counts)), 100)

process.stdin.setEncoding('utf8').on('data', text => {
  if (!String(text).includes('stop')) return
  stopping = true
  clearInterval(offering)
  const waiting = setInterval(() => {
    if (!devices.every(device => device.idle)) return
    for (const timer of [pinging, telling, waiting]) clearInterval(timer)
    for (const device of devices) device.end()
    console.log(`DONE ${JSON.stringify(counts)}`)
    process.stdin.destroy()
  }, 20)
})
