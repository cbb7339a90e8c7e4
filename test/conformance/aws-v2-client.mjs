import { iot, mqtt } from 'aws-iot-device-sdk-v2'
import { readFileSync } from 'node:fs'
import { note, sendAll, settings } from './client.mjs'
import { messageOf } from './messages.mjs'

const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(settings.certFile, settings.keyFile)
  .with_certificate_authority(readFileSync(settings.caFile, 'utf8'))
  .with_endpoint(settings.host)
  .with_port(settings.port)
  .with_client_id(settings.deviceId)
  .with_clean_session(false)
  .with_reconnect_max_sec(2)
  .build()
const connection = new mqtt.MqttClient().new_connection(config)
connection.on('interrupt', error => note(`disconnected ${error}`))
connection.on('resume', (_code, present) => note(`resumed session=${present}`))
connection.on('error', error => note(`error ${error}`))
await connection.connect()

await sendAll(async i => {
  const { body, topic } = messageOf('aws', i)
  // aws-crt reads an ArrayBuffer whole: a pooled Buffer would send its pool.
  const bytes = new Uint8Array(body)
  const sent = await connection.publish(topic.replace('{id}', settings.deviceId), bytes.buffer, mqtt.QoS.AtLeastOnce)
  return sent
}, 8)
await connection.disconnect()
process.exit(0)
