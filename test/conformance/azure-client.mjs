import { readFileSync } from 'node:fs'
import device from 'azure-iot-device'
import { Mqtt } from 'azure-iot-device-mqtt'
import { note, sendAll, settings } from './client.mjs'
import { messageOf } from './messages.mjs'

const client = device.Client.fromConnectionString(settings.connectionString, Mqtt)
const x509 = settings.certFile && { cert: readFileSync(settings.certFile, 'utf8'), key: readFileSync(settings.keyFile, 'utf8') }
await client.setOptions({ ca: readFileSync(settings.caFile, 'utf8'), ...x509 })
client.on('disconnect', error => note(`disconnected ${error?.message ?? ''}`))
client.on('error', error => note(`error ${error.message}`))
await client.open()

await sendAll(i => {
  const { body, contentType, contentEncoding, messageId, correlationId, properties } = messageOf('azure', i)
  const message = new device.Message(body)
  message.messageId = messageId
  message.correlationId = correlationId
  message.contentType = contentType
  if (contentEncoding) message.contentEncoding = contentEncoding
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value)
  return client.sendEvent(message)
}, 1)
await client.close()
process.exit(0)
