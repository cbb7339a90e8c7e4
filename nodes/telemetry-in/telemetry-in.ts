import type { NodeDef } from 'node-red'
import { kinds } from '../../src/journal/journal-port.ts'
import { consumerOf, repeatsOf } from '../../src/nodered/consumer-fields.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { Feed } from '../../src/nodered/feed.ts'
import { showFeed } from '../../src/nodered/feed-status.ts'
import { wordsOf } from '../../src/nodered/hub-options.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { messagesOf } from '../../src/nodered/record-messages.ts'
import { type TelemetryInConfig, type } from './config.ts'

export default defineNode<TelemetryInConfig & NodeDef>(type, async (config, { node, status, emit }) => {
  const max = Math.max(1, Number(config.batchMax) || 1)
  const consumer = consumerOf(config, {
    devices: wordsOf(config.devices),
    topics: wordsOf(config.topics),
    streams: wordsOf(config.streams),
    kinds: [kinds.message, kinds.injected, kinds.quarantined],
  })
  // Read each time: wires may change without a restart of the node. What nobody takes could never be acknowledged.
  const takesQuarantined = (): boolean => Boolean((node as { wires?: string[][] }).wires?.[2]?.length)
  status('waiting', '')
  const hub = await hubOf(config)
  const feed = await Feed.open({
    hub,
    spec: max > 1 ? { ...consumer, batch: max, lingerMs: Math.max(0, Number(config.batchLingerMs) || 0) } : consumer,
    ack: config.ack === 'flow' ? 'flow' : 'delivery',
    max,
    repeats: repeatsOf(config),
    messagesOf: records => {
      if (takesQuarantined()) return messagesOf(records, max > 1)
      const [kept, passedOver] = [true, false].map(keep => records.filter(({ kind }) => (kind !== kinds.quarantined) === keep))
      const made = messagesOf(kept!, max > 1)
      for (const { seq } of passedOver!) made.done.push(seq)
      return made
    },
    gapOf: gap => [undefined, { notice: 'gap', payload: gap }],
    emit,
  })
  const leave = showFeed(feed, hub, status)
  return {
    stop: () => {
      leave()
      feed.stop()
    },
    // A consumer named by the user outlives the node; one named after the node ends with it.
    close: removed => feed.close({ forget: removed && !config.consumer?.trim() }),
  }
})
