import { iot, iotidentity, mqtt } from 'aws-iot-device-sdk-v2'
import { readFileSync } from 'node:fs'
import { obey } from './commands.mjs'

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { host, port, caFile, style } = settings
const atLeastOnce = mqtt.QoS.AtLeastOnce
let connection
let identity
const heard = []

function refusal({ statusCode, errorCode, errorMessage }) {
  return Object.assign(new Error(errorMessage), { name: 'Rejected', modeledError: { statusCode, errorCode, errorMessage } })
}

/** One request of the first client: its answers are two subscriptions, and may come before the PUBACK of the request. */
async function asked(accepted, rejected, publish) {
  const { promise, resolve, reject } = Promise.withResolvers()
  await accepted((error, answer) => (error ? reject(error) : resolve(answer)))
  await rejected((error, answer) => reject(error ?? refusal(answer)))
  const [answer] = await Promise.all([promise, publish()])
  return answer
}

const firstIdentity = client => ({
  createKeysAndCertificate: request =>
    asked(
      done => client.subscribeToCreateKeysAndCertificateAccepted({}, atLeastOnce, done),
      done => client.subscribeToCreateKeysAndCertificateRejected({}, atLeastOnce, done),
      () => client.publishCreateKeysAndCertificate(request, atLeastOnce),
    ),
  createCertificateFromCsr: request =>
    asked(
      done => client.subscribeToCreateCertificateFromCsrAccepted({}, atLeastOnce, done),
      done => client.subscribeToCreateCertificateFromCsrRejected({}, atLeastOnce, done),
      () => client.publishCreateCertificateFromCsr(request, atLeastOnce),
    ),
  registerThing: request =>
    asked(
      done => client.subscribeToRegisterThingAccepted({ templateName: request.templateName }, atLeastOnce, done),
      done => client.subscribeToRegisterThingRejected({ templateName: request.templateName }, atLeastOnce, done),
      () => client.publishRegisterThing(request, atLeastOnce),
    ),
})

const limits = { maxRequestResponseSubscriptions: 6, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 40 }

await obey({
  async connect(clientId, certFile, keyFile) {
    const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(certFile, keyFile)
      .with_certificate_authority(readFileSync(caFile, 'utf8'))
      .with_endpoint(host)
      .with_port(port)
      .with_client_id(clientId)
      .with_clean_session(true)
      .build()
    connection = new mqtt.MqttClient().new_connection(config)
    connection.on('error', () => {})
    await connection.connect()
    identity =
      style === 'v1'
        ? firstIdentity(new iotidentity.IotIdentityClient(connection))
        : iotidentity.IotIdentityClientv2.newFromMqtt311(connection, limits)
  },
  createKeys: () => identity.createKeysAndCertificate({}),
  signRequest: certificateSigningRequest => identity.createCertificateFromCsr({ certificateSigningRequest }),
  registerThing: (templateName, certificateOwnershipToken, parameters) =>
    identity.registerThing({ templateName, certificateOwnershipToken, parameters }),
  async listen(topics) {
    const granted = []
    for (const topic of topics) {
      const { qos, error_code } = await connection.subscribe(topic, atLeastOnce, (name, payload) =>
        heard.push({ topic: name, ...JSON.parse(Buffer.from(payload).toString()) }),
      )
      granted.push(qos === atLeastOnce && !error_code)
    }
    return granted
  },
  heard: () => heard,
  async publish(topic, text) {
    await connection.publish(topic, text, atLeastOnce)
  },
  disconnect: () => connection.disconnect(),
})
