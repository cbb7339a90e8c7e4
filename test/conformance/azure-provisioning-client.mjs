import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import device from 'azure-iot-device'
import { Mqtt } from 'azure-iot-device-mqtt'
import provisioning from 'azure-iot-provisioning-device'
import { Mqtt as ProvisioningMqtt } from 'azure-iot-provisioning-device-mqtt'
import symmetric from 'azure-iot-security-symmetric-key'
import x509 from 'azure-iot-security-x509'
import { obey } from './commands.mjs'

// The provisioning SDK takes no CA: the process trusts the hub's by NODE_EXTRA_CA_CERTS.
const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { registrationId, groupKey } = settings
const key = groupKey
  ? createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64')
  : settings.key
const certificate = settings.certFile && {
  cert: readFileSync(settings.certFile, 'utf8'),
  key: readFileSync(settings.keyFile, 'utf8'),
}
let client

await obey({
  async register(payload) {
    const security = certificate
      ? new x509.X509Security(registrationId, certificate)
      : new symmetric.SymmetricKeySecurityClient(registrationId, key)
    const transport = new ProvisioningMqtt()
    transport.setTransportOptions({ pollingInterval: 100 })
    const registration = provisioning.ProvisioningDeviceClient.create(settings.host, 'one00000001', transport, security)
    if (payload) registration.setProvisioningPayload(payload)
    return registration.register()
  },
  async connect(hub, deviceId) {
    const proof = certificate ? 'x509=true' : `SharedAccessKey=${key}`
    client = device.Client.fromConnectionString(`HostName=${hub};DeviceId=${deviceId};${proof}`, Mqtt)
    if (certificate) await client.setOptions(certificate)
    await client.open()
  },
  send: text => client.sendEvent(new device.Message(text)),
  close: () => client.close(),
})
