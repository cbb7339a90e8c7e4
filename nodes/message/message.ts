import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { validAtOnce } from '../../src/fields/target-fields.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { commandTargetOf } from '../../src/nodered/command-targets.ts'
import { consumerOf } from '../../src/nodered/consumer-fields.ts'
import { defineNode, type Msg, type NewMsg } from '../../src/nodered/define.ts'
import { Feed } from '../../src/nodered/feed.ts'
import { type GroupEnd, GroupRuns, outcomeError } from '../../src/nodered/group-runs.ts'
import { type HubRef, hubOf } from '../../src/nodered/hubs.ts'
import { runItems } from '../../src/nodered/item-runs.ts'
import { feedbackOf } from '../../src/nodered/message-feedback.ts'
import { type MessageDefaults, messageOf } from '../../src/nodered/message-order.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type MessageConfig, type, validMinutes } from './config.ts'

export default defineNode<MessageConfig & NodeDef>(type, async (config, { node, RED, status, emit }) => {
  const { atOnce = 16 } = config
  if (!validAtOnce(atOnce)) throw new LoomError('NODE_CONFIG', `at once ${atOnce}`, { hint: '1 to 256' })
  const by = `node ${config.id}`
  const set = defaultsOf(config)
  const spec = consumerOf(config, { kinds: [kinds.feedback] })
  status('waiting', '')
  const ref = await hubOf(config)
  const { hub } = ref
  let [sent, told] = [0, 0]
  const show = (state: 'ok' | 'warn' = 'ok'): void => status(state, `${sent} sent · ${told} told`)

  const feedbackFeed = (): Promise<Feed> =>
    Feed.open({
      hub: ref,
      spec,
      ack: config.ack === 'flow' ? 'flow' : 'delivery',
      max: 1,
      messagesOf: ([record]) => {
        const made = feedbackOf(record!)
        const seqs = [record!.seq]
        if (!made) return { shares: [], notices: [], done: seqs }
        told++
        show()
        return { shares: [{ seqs, messages: [made] }], notices: [], done: [] }
      },
      gapOf: () => undefined,
      emit: result => emit(onSecond(result as [])),
    })
  const feed = config.feedback === false ? await noFeed(ref, config) : await feedbackFeed()
  show()
  const runs = new GroupRuns({ hub, by, kind: 'commands.message', status, emit, failed: error => node.error(error) })
  const groupMsg = (msg: NewMsg, { operation, outcomes }: GroupEnd): NewMsg => {
    sent += operation.done - operation.failed
    show(operation.done - operation.failed < operation.total ? 'warn' : 'ok')
    const payload = outcomes.filter(({ ok }) => ok).map(({ device, messageId: id, seq }) => ({ device, id, seq }))
    const results = outcomes.map(outcome => {
      const { device: id, ok } = outcome
      return ok ? { id, ok } : { id, ok, error: outcomeError(outcome) }
    })
    return { ...msg, payload, message: undefined, operation, results }
  }
  await runs.goOn(async ended => groupMsg({}, await ended))

  return {
    async input(msg: Msg) {
      const message = messageOf(msg, set)
      const target = await commandTargetOf(config, msg, (value, type) => typedValue(RED, node, { value, type }, msg))
      if (target.targets) return groupMsg(msg, await runs.run({ ...target.targets, message, concurrency: Number(atOnce) }))
      const { ids, many } = target
      const send = async (id: string) => {
        const queued = await hub.commands.send({ id, message, by })
        sent++
        return { device: id, ...queued }
      }
      if (!many) {
        const { device: id, ...payload } = await send(ids[0]!)
        show()
        return { ...msg, payload, device: id, message: undefined }
      }
      const { done, results } = await runItems(ids, id => id, send)
      show(done.length < ids.length ? 'warn' : 'ok')
      return { ...msg, payload: done, device: ids, message: undefined, results }
    },
    stop: () => feed?.stop(),
    // A consumer named by the user outlives the node; one named after the node ends with it.
    close(removed) {
      runs.close()
      return feed?.close({ forget: removed && !config.consumer?.trim() })
    },
  }
})

const onSecond = ([messages]: unknown[]) => [undefined, messages] as [undefined, []]

/** Nothing is kept for a reader that there was before. */
async function noFeed({ hub }: HubRef, { consumer, id }: MessageConfig & NodeDef): Promise<undefined> {
  if (!consumer?.trim()) await hub.journal.forget({ name: id })
}

/** NODE_CONFIG. */
function defaultsOf({ ttlMinutes, wish = 'none', contentType }: MessageConfig): MessageDefaults {
  if (!validMinutes(ttlMinutes))
    throw new LoomError('NODE_CONFIG', `minutes ${String(ttlMinutes).slice(0, 40)}`, { hint: '1 to 2,880' })
  const ttlMs = ttlMinutes === '' || ttlMinutes === undefined ? undefined : Math.round(Number(ttlMinutes) * 60_000)
  return { ttlMs, ack: wish, contentType: contentType?.trim() || undefined }
}
