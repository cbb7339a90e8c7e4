import { parentPort, workerData } from 'node:worker_threads'
import { errorData } from '../errors.ts'
import type { FromHub, Port, ToHub } from './frames.ts'
import { openHub } from './open-hub.ts'
import type { HubOptions } from './options.ts'
import { serveHub } from './serve-hub.ts'

const { options, pulse } = workerData as { options: HubOptions; pulse: SharedArrayBuffer }
const parent = parentPort!
const port: Port<ToHub, FromHub> = {
  postMessage: (message, transfer = []) => parent.postMessage(message, [...transfer]),
  onMessage: listener => void parent.on('message', listener),
}

// Still for long: the supervisor takes this thread for blocked.
const beats = new Int32Array(pulse)
setInterval(() => Atomics.add(beats, 0, 1), 100).unref()

openHub(options).then(
  hub => {
    const { closed } = serveHub(hub, port)
    port.postMessage({ t: 'ready' })
    closed.then(() => parent.close())
  },
  error => {
    port.postMessage({ t: 'failed', error: errorData(error) })
    parent.close()
  },
)
