import sdk from 'aws-iot-device-sdk'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { obey } from './commands.mjs'

const { host, port, caFile, certFile, keyFile, clientId } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const heard = []
let shadows

/** Resolves with what becomes of an operation: `accepted`, `rejected` or `timeout`, and its document. */
const outcome = token =>
  new Promise(resolve => {
    const settle = (status, clientToken, document) => {
      if (clientToken !== token) return
      shadows.off('status', onStatus)
      shadows.off('timeout', onTimeout)
      resolve({ status, document })
    }
    const onStatus = (_thing, status, clientToken, document) => settle(status, clientToken, document)
    const onTimeout = (_thing, clientToken) => settle('timeout', clientToken)
    shadows.on('status', onStatus)
    shadows.on('timeout', onTimeout)
  })

await obey({
  async connect(operationTimeout) {
    const options = operationTimeout === null ? {} : { operationTimeout }
    const device = { host, port, clientId, caPath: caFile, certPath: certFile, keyPath: keyFile, baseReconnectTimeMs: 200 }
    shadows = sdk.thingShadow(device, options)
    shadows.on('error', () => {})
    shadows.on('delta', (_thing, document) => heard.push({ event: 'delta', ...document }))
    shadows.on('foreignStateChange', (_thing, operation, document) => heard.push({ event: 'foreign', operation, ...document }))
    await once(shadows, 'connect')
  },
  register: (thing, options) =>
    new Promise((resolve, reject) =>
      shadows.register(thing, options, (error, failed) => (error ? reject(new Error(String(error))) : resolve(failed ?? []))),
    ),
  unregister: thing => void shadows.unregister(thing),
  do(operation, thing, document) {
    const token = document === undefined ? shadows[operation](thing) : shadows[operation](thing, document)
    if (token === null) throw new Error('another operation is under way')
    return outcome(token)
  },
  /** The SDK's own switch for what comes in while the network is gone. */
  deaf: is => shadows.setConnectionStatus(!is),
  /** Hears a filter; with `answer` it says that one level below each topic. */
  subscribe(filter, answer) {
    shadows.on('message', (topic, payload) => {
      if (!topic.startsWith(filter.replace(/#$/, '')) || topic.endsWith('/answer')) return
      heard.push({ event: 'message', topic, text: payload.toString() })
      if (answer) shadows.publish(`${topic}/answer`, JSON.stringify(answer))
    })
    return new Promise((resolve, reject) =>
      shadows.subscribe(filter, { qos: 1 }, error => (error ? reject(error) : resolve(null))),
    )
  },
  heard: () => heard,
  end: () => new Promise(resolve => shadows.end(false, resolve)),
})
