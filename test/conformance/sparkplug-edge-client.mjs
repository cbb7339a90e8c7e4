import sparkplug from 'sparkplug-client'
import { readFileSync } from 'node:fs'
import { obey } from './commands.mjs'

const {
  host,
  port,
  caFile,
  certFile,
  keyFile,
  clientId,
  username = '',
  password = '',
  groupId,
  edgeNode,
} = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const heard = []
let client

await obey({
  /** Resolves when the client wants to tell its births. */
  connect: () =>
    new Promise((resolve, reject) => {
      const read = path => path && readFileSync(path)
      const mqttOptions = { ca: read(caFile), cert: read(certFile), key: read(keyFile) }
      const serverUrl = `mqtts://${host}:${port}`
      client = sparkplug.newClient({ serverUrl, username, password, groupId, edgeNode, clientId, keepalive: 30, mqttOptions })
      client.on('error', reject)
      client.on('birth', resolve)
      client.on('ncmd', payload => heard.push({ kind: 'NCMD', metrics: payload.metrics }))
      client.on('dcmd', (device, payload) => heard.push({ kind: 'DCMD', device, metrics: payload.metrics }))
    }),
  node: (what, payload, options) => void client[`publishNode${what}`](payload, options),
  device: (what, device, payload, options) => void client[`publishDevice${what}`](device, payload, options),
  /** As text: 64 bits are objects in this client. */
  heard: () => JSON.parse(JSON.stringify(heard)),
})
