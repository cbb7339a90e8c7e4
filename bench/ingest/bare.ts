import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * What Node itself costs: takes each PUBLISH at QoS 1, commits those of 8 ms together to SQLite as the hub's journal does (folder on the command line), and
 * answers. No rule, no parser, no properties, no consumer. Prints `PORT n`.
 */
const gatherMs = 8
const puback = 0x40
const types = { connect: 1, publish: 3 }

interface Waiting {
  socket: Socket
  id: number
  topic: string
  payload: Uint8Array
}

const db = new DatabaseSync(join(process.argv[2]!, 'bare.db'))
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000')
db.exec('CREATE TABLE records(seq INTEGER PRIMARY KEY, topic TEXT, payload BLOB)')
const begin = db.prepare('BEGIN IMMEDIATE')
const insert = db.prepare('INSERT INTO records(topic, payload) VALUES (?, ?)')
const commit = db.prepare('COMMIT')
let waiting: Waiting[] = []

function flush() {
  const batch = waiting
  waiting = []
  begin.run()
  for (const { topic, payload } of batch) insert.run(topic, payload)
  commit.run()
  for (const { socket, id } of batch) {
    const answer = Buffer.allocUnsafe(4)
    answer.writeUInt16BE((puback << 8) | 2, 0)
    answer.writeUInt16BE(id, 2)
    socket.write(answer)
  }
}

/** The generator writes whole packets, so whole packets come. */
function take(socket: Socket, chunk: Buffer) {
  for (let at = 0; at < chunk.length; ) {
    const type = chunk[at]! >> 4
    let length = 0
    for (let scale = 1, byte = 0x80; byte & 0x80; scale *= 128) {
      byte = chunk[++at]!
      length += (byte & 0x7f) * scale
    }
    const body = chunk.subarray(++at, (at += length))
    if (type === types.connect) socket.write(Buffer.from([0x20, 2, 0, 0]))
    if (type !== types.publish) continue
    const end = 2 + body.readUInt16BE(0)
    if (
      waiting.push({
        socket,
        id: body.readUInt16BE(end),
        topic: body.toString('latin1', 2, end),
        payload: body.subarray(end + 2),
      }) === 1
    )
      setTimeout(flush, gatherMs)
  }
}

const server = createServer({ noDelay: true }, socket => {
  socket.on('data', chunk => take(socket, chunk as Buffer)).on('error', () => {})
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`PORT ${(server.address() as AddressInfo).port}`))
