import { iot, iotshadow, mqtt } from 'aws-iot-device-sdk-v2'
import { readFileSync } from 'node:fs'
import { obey } from './commands.mjs'

const { host, port, caFile, certFile, keyFile, clientId } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const atLeastOnce = mqtt.QoS.AtLeastOnce
const heard = []
let connection
let first
let second

const limits = { maxRequestResponseSubscriptions: 20, maxStreamingSubscriptions: 10, operationTimeoutInSeconds: 40 }
const hears = event => (error, message) => heard.push({ event, ...(error ? { error: String(error) } : message) })

await obey({
  async connect(clean) {
    const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(certFile, keyFile)
      .with_certificate_authority(readFileSync(caFile, 'utf8'))
      .with_endpoint(host)
      .with_port(port)
      .with_client_id(clientId)
      .with_clean_session(clean)
      .with_reconnect_max_sec(1)
      .build()
    connection = new mqtt.MqttClient().new_connection(config)
    connection.on('error', () => {})
    connection.on('message', (topic, payload) => heard.push({ topic, ...JSON.parse(Buffer.from(payload).toString() || '{}') }))
    const present = await connection.connect()
    first = new iotshadow.IotShadowClient(connection)
    second = iotshadow.IotShadowClientv2.newFromMqtt311(connection, limits)
    return present
  },
  /** A request of the second client, by the name of its method. */
  ask: (method, request) => second[method](request),
  /** So many requests of the second client at once; how each ended. */
  burst: async (method, requests) => {
    const ends = await Promise.allSettled(requests.map(request => second[method](request)))
    return ends.map(({ status, value, reason }) =>
      status === 'fulfilled' ? { version: value.version } : { code: reason.modeledError?.code, message: String(reason.message) },
    )
  },
  stream(method, request) {
    const stream = second[method](request)
    const { promise, resolve } = Promise.withResolvers()
    stream.on('subscriptionStatus', ({ type }) => type === 0 && resolve())
    stream.on('incomingPublish', ({ message }) => heard.push({ event: method, ...message }))
    stream.open()
    return promise
  },
  /** A subscription or a publish of the first client, by the name of its method. */
  subscribe: async (method, request) => {
    const { error_code } = await first[method](request, atLeastOnce, hears(method))
    if (error_code) throw new Error(`SUBACK ${error_code}`)
  },
  publish: async (method, request) => void (await first[method](request, atLeastOnce)),
  heard: () => heard,
  async disconnect() {
    second.close()
    await connection.disconnect()
  },
})
