import { randomUUID } from 'node:crypto'
import type { NodeDef } from 'node-red'
import { LoomError } from '../../errors.ts'
import { type ActionAnswer, type ActionOrder, type ActionResponse, resourceOf } from '../../routing/action/action.ts'
import { loadLinearRegex } from '../../runtime/linear-regex.ts'
import { createRulePorts } from '../../runtime/rule-ports.ts'
import type { Behaviour, Context, Emit, Msg, NewMsg } from '../define.ts'
import { deliveries } from '../delivery.ts'
import { hubOf } from '../hubs.ts'
import type { Item } from '../route/intake.ts'
import { openReplayFeed } from '../route/route-feed.ts'
import { type ActionFailure, keepUnmade, oneError, reportOf } from './action-failure.ts'
import { type ActionFields, type ActionSecrets, compileAction } from './action-fields.ts'
import { itemsOf, orderOf } from './action-item.ts'
import { shownResponse } from './action-response.ts'
import { ActionStatus } from './action-status.ts'
import { localCourier } from './local-courier.ts'

/** A node that does something outside: NODE_CONFIG, HUB_MISSING, the errors of templates. */
export async function openAction(
  fields: ActionFields & NodeDef,
  { node, RED, status }: Context<ActionSecrets>,
): Promise<Behaviour> {
  const { id, type, name, kind, each } = fields
  status('waiting', '')
  const ports = createRulePorts({ linear: await loadLinearRegex() })
  const compiled = compileAction(fields, node.credentials ?? {}, ports)
  if (kind === 'republish' && !fields.hub)
    throw new LoomError('HUB_MISSING', '', { hint: 'a republish goes to the broker of a hub' })
  const ref = fields.hub ? await hubOf(fields) : undefined
  const hub = ref?.hub
  const local = hub ? undefined : localCourier()
  const perform = (order: ActionOrder): Promise<ActionAnswer> =>
    hub ? hub.actions.perform(order) : local!.take({ ...order, id: randomUUID() })

  const resource = kind === 'republish' ? 'mqtt' : resourceOf({ kind, url: hostOf(fields.url), method: '', headers: {} })
  const figures = new ActionStatus({
    ...{ hub, node: id, resource, status },
    text: key => RED._(`action.runtime.${key}`),
  })
  const source = { id, type, ...(name && { name }) }
  const wired = (output: number): boolean => Boolean((node as { wires?: string[][] }).wires?.[output]?.length)

  /** Undefined: it waits on disk. REQUEST_INVALID, HUB_DOWN, STORE_LIMIT: nobody has it. */
  const act = async (
    item: Item,
    rule: string | undefined,
  ): Promise<{ response?: ActionResponse } | ActionFailure | undefined> => {
    let order: ActionOrder
    try {
      if (item.fault) throw item.fault
      order = orderOf(item, { node: id, name, rule, compiled })
    } catch (thrown) {
      return keepUnmade(item, thrown, { hub, node: id, rule })
    }
    const answer = await perform(order)
    if (answer.outcome === 'spooled') {
      figures.spooled()
      return undefined
    }
    if (answer.outcome === 'done') {
      figures.done++
      return answer
    }
    const { error, status: answered, letter } = answer
    return { item, error, ...(answered !== undefined && { status: answered }), ...(letter !== undefined && { letter }) }
  }

  const input = async (msg: Msg, send: Emit): Promise<void> => {
    const { base, batch, items, delivery } = itemsOf(msg, each)
    const rule = (msg.rule as { name?: string } | undefined)?.name ?? (msg.replayed as { rule?: string } | undefined)?.rule
    const done: { item: Item; response: NewMsg | undefined }[] = []
    const failures: ActionFailure[] = []
    for (const item of items) {
      const result = await act(item, rule)
      if (result && 'error' in result) failures.push(result)
      else if (result) done.push({ item, response: result.response && shownResponse(result.response) })
    }
    figures.failed += failures.length
    figures.show()
    const responses = done.flatMap(({ response }) => response ?? [])
    if (done.length && batch) send({ ...base, payload: done.map(placed), ...(responses.length && { response: responses }) })
    else if (done.length) send({ ...base, ...(responses.length && { response: responses[0] }) })
    const [first, ...more] = failures
    const told = wired(1)
    if (told) for (const failure of failures) send([undefined, reportOf(base, failure, { kind, resource, rule, source })])
    // What failed without a hub is kept nowhere: its delivery is not over.
    if (!first || hub) await deliveries.acknowledge(delivery)
    if (first && !told) throw oneError([first, ...more])
  }

  const feed =
    ref &&
    (await openReplayFeed({
      hub: ref,
      name: `node:${id}`,
      // Among what comes by the wires, one at a time.
      take: ({ base, delivery }) => node.receive({ ...base, delivery } as never),
    }))
  figures.show()
  return {
    input,
    stop: () => {
      figures.stop()
      feed?.stop()
    },
    async close(removed) {
      await local?.close()
      await feed?.close({ forget: removed })
    },
  }
}

const placed = ({ item }: { item: Item }): object => ({ ...item.reading, values: item.payload })

/** What the host of an address is, whatever its templates say. */
const hostOf = (url: string): string => /^https?:\/\/[^/?#]*/i.exec(url.trim())?.[0] ?? url
