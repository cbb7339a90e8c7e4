import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { consumerOf } from '../../src/nodered/consumer-fields.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { Feed } from '../../src/nodered/feed.ts'
import { showFeed } from '../../src/nodered/feed-status.ts'
import { wordsOf } from '../../src/nodered/hub-options.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { type ChangeFilter, changeMessage, changeOf } from '../../src/nodered/twin-changes.ts'
import { type TwinChangedConfig, type, validPaths } from './config.ts'

export default defineNode<TwinChangedConfig & NodeDef>(type, async (config, { status, emit }) => {
  const filter = filterOf(config)
  const spec = consumerOf(config, { devices: wordsOf(config.devices), kinds: [kinds.twin] })
  status('waiting', '')
  const hub = await hubOf(config)
  const feed = await Feed.open({
    hub,
    spec,
    ack: config.ack === 'flow' ? 'flow' : 'delivery',
    max: 1,
    messagesOf: ([record]) => {
      const event = changeOf(record!, filter)
      const seqs = [record!.seq]
      if (!event) return { shares: [], notices: [], done: seqs }
      return { shares: [{ seqs, messages: [changeMessage(record!, event)] }], notices: [], done: [] }
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

/** NODE_CONFIG. */
function filterOf({ sections = [], paths, twins, shadows }: TwinChangedConfig): ChangeFilter {
  if (!validPaths(paths))
    throw new LoomError('NODE_CONFIG', `path ${paths.slice(0, 80)}`, {
      hint: 'members with dots between, such as climate.setpoint',
    })
  return {
    sections,
    paths: wordsOf(paths),
    twins: twins === 'main' || twins === 'named' ? twins : undefined,
    names: wordsOf(shadows),
  }
}
