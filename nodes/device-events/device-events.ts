import type { NodeDef } from 'node-red'
import { type Delivered, kinds } from '../../src/journal/journal-port.ts'
import { consumerOf } from '../../src/nodered/consumer-fields.ts'
import { defineNode, type NewMsg } from '../../src/nodered/define.ts'
import { Feed } from '../../src/nodered/feed.ts'
import { showFeed } from '../../src/nodered/feed-status.ts'
import { wordsOf } from '../../src/nodered/hub-options.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { lifecycleOf } from '../../src/telemetry/lifecycle.ts'
import { type DeviceEventsConfig, type } from './config.ts'

export default defineNode<DeviceEventsConfig & NodeDef>(type, async (config, { status, emit }) => {
  const wanted = new Set(config.events ?? [])
  const spec = consumerOf(config, { devices: wordsOf(config.devices), kinds: [kinds.lifecycle] })
  status('waiting', '')
  const hub = await hubOf(config)
  const eventOf = (record: Delivered): NewMsg | undefined => {
    const found = lifecycleOf(record)
    if (!found || (wanted.size > 0 && !wanted.has(found.event))) return undefined
    const { device, ...payload } = found
    return { payload, topic: found.event, device, time: found.at, ...(record.deliveries > 1 && { redelivered: true }) }
  }
  const feed = await Feed.open({
    hub,
    spec,
    ack: config.ack === 'flow' ? 'flow' : 'delivery',
    max: 1,
    messagesOf: ([record]) => {
      const { seq } = record!
      const made = eventOf(record!)
      return { shares: made ? [{ seqs: [seq], messages: [made] }] : [], notices: [], done: made ? [] : [seq] }
    },
    gapOf: () => undefined,
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
