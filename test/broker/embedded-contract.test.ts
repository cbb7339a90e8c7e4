import { createEmbeddedBroker } from '../../src/broker/embedded.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { brokerContract } from '../contracts/broker.ts'
import { limits } from './bench.ts'

brokerContract('embedded', async gate => {
  const broker = createEmbeddedBroker({
    gate,
    listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
    sessions: await openMemoryStateStore({ now: Date.now }),
    limits,
    now: Date.now,
  })
  const [{ port } = { port: 0 }] = await broker.start()
  return { broker, url: `mqtt://127.0.0.1:${port}`, stop: () => broker.stop(1000) }
})
