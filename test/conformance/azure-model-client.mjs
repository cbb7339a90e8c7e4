import { readFileSync } from 'node:fs'
import device from 'azure-iot-device'
import { Mqtt } from 'azure-iot-device-mqtt'
import { obey } from './commands.mjs'

const { connectionString, caFile, modelId } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const client = device.Client.fromConnectionString(connectionString, Mqtt)
await client.setOptions({ ca: readFileSync(caFile, 'utf8'), modelId })

const calls = []

await obey({
  open: () => client.open().then(() => null),
  close: () => client.close().then(() => null),
  /** Values of the device, or of a component as plug and play has it. */
  say(values, component) {
    const message = new device.Message(JSON.stringify(values))
    message.contentType = 'application/json'
    message.contentEncoding = 'utf-8'
    if (component) message.properties.add('$.sub', component)
    return client.sendEvent(message).then(() => null)
  },
  async report(patch) {
    const { properties } = await client.getTwin()
    await new Promise((resolve, reject) => properties.reported.update(patch, error => (error ? reject(error) : resolve())))
  },
  handle(name, payload) {
    client.onDeviceMethod(name, (request, response) => {
      calls.push(request.payload)
      response.send(200, payload, () => {})
    })
  },
  calls: () => calls,
})
