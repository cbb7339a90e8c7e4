// The hub's thread, with a way to make it fail: a call about the device `crash` throws where nothing catches, `block` stands still for ever.
import { parentPort } from 'node:worker_threads'

parentPort!.on('message', (message: { t: string; arg?: { id?: string } }) => {
  if (message.t !== 'call') return
  if (message.arg?.id === 'crash') throw new Error('made to fail')
})
await import('../../src/hub/thread.ts')
