import awsV1 from 'aws-iot-device-sdk'
import { iot, iotshadow, mqtt } from 'aws-iot-device-sdk-v2'
import azure from 'azure-iot-device'
import { Mqtt } from 'azure-iot-device-mqtt'
import { readFileSync } from 'node:fs'
import { obey } from './commands.mjs'

/** Devices of three SDKs in one process: each does what is desired of it, and reports it. */
const { host, port, caFile, devices } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const ca = readFileSync(caFile, 'utf8')
const own = new Map(devices.map(({ id }) => [id, {}]))
const faults = []

/** Values are numbers that only grow; null: the member is gone. */
function become(id, patch) {
  const state = { ...own.get(id) }
  for (const [key, n] of Object.entries(patch)) {
    if (key.startsWith('$')) continue
    if (n === null) {
      delete state[key]
      continue
    }
    if (n < (state[key] ?? 0)) faults.push(`${id}: ${key} ${n} after ${state[key]}`)
    state[key] = n
  }
  own.set(id, state)
  return state
}

async function azureDevice({ id, connectionString }) {
  const client = azure.Client.fromConnectionString(connectionString, Mqtt)
  await client.setOptions({ ca })
  client.on('error', () => {})
  const twin = await client.open().then(() => client.getTwin())
  let version = 0
  const names = new Set()
  const report = () => {
    const state = own.get(id)
    for (const name of Object.keys(state)) names.add(name)
    const gone = [...names].filter(name => !Object.hasOwn(state, name)).map(name => [name, null])
    twin.properties.reported.update({ ...state, ...Object.fromEntries(gone) }, () => {})
  }
  twin.on('error', () => {})
  twin.on('properties.desired', desired => {
    if (desired.$version < version) return
    version = desired.$version
    become(id, desired)
    report()
  })
  // The SDK does not ask for the twin when it is back: what it missed the hub tells it. What it reported may be lost.
  setInterval(report, 3000)
}

function v1Device({ id, certFile, keyFile }) {
  const shadows = awsV1.thingShadow(
    {
      host,
      port,
      clientId: id,
      caPath: caFile,
      certPath: certFile,
      keyPath: keyFile,
      baseReconnectTimeMs: 200,
      maximumReconnectTimeMs: 1000,
    },
    { operationTimeout: 4000 },
  )
  shadows.on('error', () => {})
  const act = desired => {
    become(id, desired)
    shadows.update(id, { state: { reported: own.get(id) } })
  }
  shadows.on('delta', (_thing, { state }) => act(state))
  shadows.on('status', (_thing, status, _token, { state }) => status === 'accepted' && state?.delta && act(state.delta))
  return new Promise(resolve => {
    shadows.once('connect', () => shadows.register(id, {}, resolve))
    setInterval(() => shadows.get(id), 3000)
  })
}

async function v2Device({ id, certFile, keyFile }) {
  const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(certFile, keyFile)
    .with_certificate_authority(ca)
    .with_endpoint(host)
    .with_port(port)
    .with_client_id(id)
    .with_clean_session(false)
    .with_reconnect_min_sec(1)
    .with_reconnect_max_sec(2)
    .build()
  const connection = new mqtt.MqttClient().new_connection(config)
  connection.on('error', () => {})
  await connection.connect()
  const limits = { maxRequestResponseSubscriptions: 10, maxStreamingSubscriptions: 4, operationTimeoutInSeconds: 6 }
  const client = iotshadow.IotShadowClientv2.newFromMqtt311(connection, limits)
  const at = { thingName: id }
  let version = 0
  const act = (state, now) => {
    if (now < version) return
    version = now
    become(id, state)
    client.updateShadow({ ...at, state: { reported: own.get(id) } }).catch(() => {})
  }
  const stream = client.createShadowDeltaUpdatedStream(at)
  stream.on('incomingPublish', ({ message }) => act(message.state, message.version))
  stream.open()
  setInterval(
    () =>
      client.getShadow(at).then(
        ({ state, version: now }) => state.delta && act(state.delta, now),
        () => {},
      ),
    3000,
  )
}

const makers = { azure: azureDevice, 'aws-v1': v1Device, 'aws-v2': v2Device }

await obey({
  open: () => Promise.all(devices.map(device => makers[device.kind](device))).then(() => undefined),
  states: () => Object.fromEntries(own),
  faults: () => faults,
})
