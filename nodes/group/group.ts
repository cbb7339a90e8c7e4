import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { consumerOf } from '../../src/nodered/consumer-fields.ts'
import { defineNode, type Emit, type Msg } from '../../src/nodered/define.ts'
import { Feed } from '../../src/nodered/feed.ts'
import { showFeed } from '../../src/nodered/feed-status.ts'
import { groupActions, groupRequestOf } from '../../src/nodered/group-actions.ts'
import { wordsOf } from '../../src/nodered/hub-options.ts'
import { type HubRef, hubOf } from '../../src/nodered/hubs.ts'
import { membershipMessage } from '../../src/nodered/membership-events.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type GroupConfig, type } from './config.ts'

export default defineNode<GroupConfig & NodeDef>(type, async (config, { node, RED, status, emit }) => {
  const { action: chosen = 'add', group = 'group', groupType = 'msg', dialect = 'aws' } = config
  const { query: value = '', queryType = 'str', listen = true } = config
  status('waiting', '')
  const ref = await hubOf(config)
  const feed = listen ? await follow(config, ref, emit) : undefined
  const leave = feed && showFeed(feed, ref, status)
  if (!feed) status('ok', '')
  const ports = { hub: ref.hub, by: `node ${config.id}`, dialect }
  const typed = (text: string, kind: string, msg: Msg): Promise<unknown> =>
    typedValue(RED, node, { value: text, type: kind }, msg)

  return {
    async input(msg) {
      const name = typeof msg.action === 'string' ? msg.action : chosen
      const action = Object.hasOwn(groupActions, name) ? groupActions[name] : undefined
      if (!action)
        throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
          hint: `one of ${Object.keys(groupActions).join(', ')}`,
        })
      const query = name === 'create' ? await typed(value, queryType, msg) : undefined
      const request = groupRequestOf(await typed(group, groupType, msg), query, msg.device)
      const payload = await action(ports, request)
      status('ok', request.id)
      return { ...msg, payload, group: request.id }
    },
    stop: () => {
      leave?.()
      feed?.stop()
    },
    // A consumer named by the user outlives the node; one named after the node ends with it.
    close: removed => feed?.close({ forget: removed && !config.consumer?.trim() }),
  }
})

/** Joins and leaves, on output 2. */
function follow(config: GroupConfig & NodeDef, hub: HubRef, emit: Emit): Promise<Feed> {
  const wanted = { groups: wordsOf(config.groups ?? ''), events: config.events ?? [] }
  return Feed.open({
    hub,
    spec: consumerOf(config, { kinds: [kinds.membership] }),
    ack: config.ack === 'flow' ? 'flow' : 'delivery',
    max: 1,
    messagesOf: ([record]) => {
      const seqs = [record!.seq]
      const msg = membershipMessage(record!, wanted)
      return msg ? { shares: [{ seqs, messages: [msg] }], notices: [], done: [] } : { shares: [], notices: [], done: seqs }
    },
    gapOf: () => undefined,
    emit: result => {
      if (Array.isArray(result)) emit([undefined, result[0]])
    },
  })
}
