import sdk from 'aws-iot-device-sdk'
import { once } from 'node:events'
import { note, sendAll, settings } from './client.mjs'
import { messageOf } from './messages.mjs'

const device = sdk.device({
  host: settings.host,
  port: settings.port,
  clientId: settings.deviceId,
  caPath: settings.caFile,
  certPath: settings.certFile,
  keyPath: settings.keyFile,
  baseReconnectTimeMs: 500,
  maximumReconnectTimeMs: 2000,
})
device.on('close', () => note('disconnected'))
device.on('error', error => note(`error ${error.message}`))
await once(device, 'connect')

await sendAll(
  i =>
    new Promise((resolve, reject) => {
      const { body, topic } = messageOf('aws', i)
      device.publish(topic.replace('{id}', settings.deviceId), body, { qos: 1 }, error => (error ? reject(error) : resolve()))
    }),
  1,
)
device.end(false, () => process.exit(0))
