import { readFileSync } from 'node:fs'
import device from 'azure-iot-device'
import { Mqtt } from 'azure-iot-device-mqtt'
import { obey } from './commands.mjs'

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const client = settings.token
  ? device.Client.fromSharedAccessSignature(settings.token, Mqtt)
  : device.Client.fromConnectionString(settings.connectionString, Mqtt)
await client.setOptions({
  ca: readFileSync(settings.caFile, 'utf8'),
  ...(settings.tokenRenewal && { tokenRenewal: settings.tokenRenewal }),
})

const messages = []
const calls = []
const desired = []
const events = []
let twin
client.on('disconnect', () => events.push('disconnect'))
client.on('error', error => events.push(`error ${error.message}`))

const promised = start => new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))))

await obey({
  open: () => client.open().then(() => null),
  close: () => client.close().then(() => null),
  /** Answers before the SDK is back. */
  renew: token => void client.updateSharedAccessSignature(token, error => events.push(`renewed ${error?.name ?? ''}`)),
  /** Answers every call of the name the same way. */
  handle(name, status, payload) {
    client.onDeviceMethod(name, (request, response) => {
      calls.push({ name: request.methodName, payload: request.payload })
      response.send(status, payload === undefined ? undefined : payload, () => {})
    })
  },
  /** Before there is a listener the SDK acknowledges what comes, and drops it. */
  listen() {
    client.on('message', message => {
      const { messageId, correlationId, contentType, contentEncoding, to, expiryTimeUtc, data } = message
      const properties = Object.fromEntries(message.properties.propertyList.map(({ key, value }) => [key, value]))
      messages.push({
        messageId,
        correlationId,
        contentType,
        contentEncoding,
        to,
        expiryTimeUtc,
        properties,
        text: data.toString(),
      })
      client.complete(message, () => {})
    })
  },
  async twin() {
    twin = await client.getTwin()
    twin.on('properties.desired', change => desired.push(structuredClone(change)))
    return { desired: twin.properties.desired, reported: { ...twin.properties.reported, update: undefined } }
  },
  async read() {
    const { desired, reported } = await promised(done => client.getTwin(done)).then(({ properties }) => properties)
    return { desired, reported: { ...reported, update: undefined } }
  },
  /** As the SDK holds it, without asking. */
  held: () => twin.properties.desired,
  report: patch => promised(done => twin.properties.reported.update(patch, done)),
  /** At once; what became of each. */
  reportMany: count =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        promised(done => twin.properties.reported.update({ n }, done)).then(
          () => 'done',
          error => error.name,
        ),
      ),
    ),
  say: text => client.sendEvent(new device.Message(text)).then(() => null),
  seen: () => ({ messages, calls, desired, events }),
})
