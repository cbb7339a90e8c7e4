import { connect } from 'node:net'
import { Aedes } from 'aedes'
import { connectPacket, packetTypes, subscribePacket, talk } from '../mqtt-wire.ts'

/**
 * A subscriber that takes nothing leaves while thousands of messages are queued for it: run as a process of its own, since with a bounded
 * concurrency the library ends that process. Argument: the concurrency.
 */
const { createServer } = await import('node:net')
const broker = await Aedes.createBroker({ concurrency: Number(process.argv[2]), drainTimeout: 0 })
broker.on('clientError', () => {})
const server = createServer(broker.handle).listen(0, '127.0.0.1')
await new Promise(resolve => server.once('listening', resolve))
const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
const reader = talk(socket)
reader.send(connectPacket({ clientId: 'busy' }))
await reader.next(packetTypes.connack)
reader.send(subscribePacket(['t'], 0))
await reader.next(packetTypes.suback)
socket.pause()
const payload = Buffer.alloc(1024)
let done = 0
const total = 20_000
const all = new Promise<void>(resolve => {
  for (let i = 0; i < total; i++)
    broker.publish({ cmd: 'publish', topic: 't', payload, qos: 0, retain: false, dup: false }, () => {
      if (++done === total) resolve()
    })
})
setImmediate(() => setImmediate(() => socket.destroy()))
await all
console.log(`all ${done} ended`)
process.exit(0)
