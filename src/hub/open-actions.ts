import { randomUUID } from 'node:crypto'
import type { BrokerPort } from '../broker/broker-port.ts'
import { errorData, LoomError } from '../errors.ts'
import type { Sealer } from '../identity/seal.ts'
import type { JournalPort } from '../journal/journal-port.ts'
import { type ActionAnswer, type ActionOrder, resourceOf } from '../routing/action/action.ts'
import { type Burial, Courier } from '../routing/action/courier.ts'
import type { Health } from '../routing/action/health.ts'
import { LoopGuard } from '../routing/action/loop-guard.ts'
import type { SpoolPort } from '../routing/action/spool-port.ts'
import { Waiting } from '../routing/action/waiting.ts'
import { sendWebhook } from '../runtime/webhook.ts'
import { createActionSeal } from './action-seal.ts'
import type { HubEvent } from './hub.ts'
import type { ActionsApi, EndpointView } from './hub-actions.ts'
import { createInject, type Inject } from './inject.ts'
import type { Problems } from './problems.ts'
import { createRepublish } from './republish.ts'
import type { OpenTwins } from './open-twins.ts'

export interface ActionsHouse extends Omit<Parameters<typeof createInject>[0], 'active'> {
  spool: SpoolPort
  sealer: Pick<Sealer, 'seal' | 'open'>
  journal: Pick<JournalPort, 'addDeadLetter'>
  broker(): BrokerPort
  wire: Pick<OpenTwins['wire'], 'request'>
  problems: Pick<Problems, 'watch'>
  emit(event: HubEvent): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
}

interface Endpoint {
  id: string
  name?: string
  kind: EndpointView['kind']
  resource: string
  courier: Courier
  guard: LoopGuard
  /** The newest: what waits is sent with it. */
  secret?: Record<string, string>
  shown: Health
}

/** A record of no connection shows that its device sent something by another way; what an action sends does not. */
const nobody = (): void => {}

export type Actions = Awaited<ReturnType<typeof openActions>>

/** Actions at work: what waited for endpoints when the hub ended goes on. */
export async function openActions(house: ActionsHouse) {
  const { spool, problems, emit, schedule, now } = house
  const inject: Inject = createInject({ ...house, active: nobody })
  const republish = createRepublish({ inject, broker: house.broker, request: (...asked) => house.wire.request(...asked), now })
  const endpoints = new Map<string, Endpoint>()

  const bury = (
    { node, rule, original, letter }: ActionOrder,
    why: Omit<Burial, 'reason'> & { reason: string },
  ): Promise<number> => {
    const { reason, code, message, tries } = why
    return house.journal.addDeadLetter({
      ...original,
      ...{ reason, code, message, tries, node },
      stage: 'action',
      consumer: `node:${node}`,
      ...(rule !== undefined && { rule }),
      ...(letter !== undefined && { letter }),
    })
  }
  const look = (endpoint: Endpoint): void => {
    const { id, name, resource, courier, shown } = endpoint
    const { health, waiting } = courier.figures()
    if (health === shown) return
    endpoint.shown = health
    emit({ type: 'endpoint', at: now(), id, resource, health, waiting, ...(name !== undefined && { name }) })
  }
  const endpointOf = (id: string, resource: string): Endpoint => {
    const key = `${id} ${resource}`
    const known = endpoints.get(key)
    if (known) return known
    const fault = (error: unknown): void => problems.watch(`actions of node ${id}`, Promise.reject(error))
    const endpoint: Endpoint = {
      id,
      resource,
      kind: resource === 'mqtt' ? 'republish' : 'webhook',
      guard: new LoopGuard(),
      shown: 'unknown',
      courier: new Courier({
        send: (order, signal) => {
          const { action } = order
          if (action.kind === 'republish') return republish(action, order)
          const secret = endpoint.secret ?? action.secret
          return sendWebhook({ ...action, ...(secret && { secret }) }, order, { signal, now: now() })
        },
        bury,
        waiting: new Waiting({ spool, endpoint: key, ...createActionSeal(house.sealer, key), now, unreadable: fault }),
        schedule,
        now,
        random: Math.random,
        changed: () => look(endpoint),
        fault,
      }),
    }
    endpoints.set(key, endpoint)
    return endpoint
  }
  for (const key of spool.endpoints()) {
    const at = key.lastIndexOf(' ')
    look(endpointOf(key.slice(0, at), key.slice(at + 1)))
  }

  const perform = async (order: ActionOrder): Promise<ActionAnswer> => {
    const { node, name, action, original } = order
    if (typeof node !== 'string' || !node || !action || !original)
      throw new LoomError('REQUEST_INVALID', 'an action without its node or message', { position: 'node' })
    const endpoint = endpointOf(node, resourceOf(action))
    if (name !== undefined) endpoint.name = name
    if (action.kind === 'webhook' && action.secret) endpoint.secret = action.secret
    if (action.kind === 'republish')
      try {
        endpoint.guard.check({ topic: action.topic.replace(/^\$\$/, '$'), source: original.topic, hops: action.hops, now: now() })
      } catch (error) {
        const { code, message } = errorData(error)
        const letter = await bury(order, { reason: 'loop', code, message, tries: 0 })
        return { outcome: 'dead', tries: 0, error: { code, message }, letter }
      }
    return endpoint.courier.take({ ...order, id: order.id ?? randomUUID() })
  }

  const api: ActionsApi = {
    perform,
    endpoints: async () => ({
      items: [...endpoints.values()].map(({ id, name, kind, resource, courier }) => ({
        ...{ id, kind, resource },
        ...(name !== undefined && { name }),
        ...courier.figures(),
      })),
    }),
  }
  return {
    api,
    /** Tells of health that changed by time alone; due each few seconds. */
    sweep(): void {
      for (const endpoint of endpoints.values()) look(endpoint)
    },
    /** What is in hand is put to disk. */
    async close(): Promise<void> {
      await Promise.all([...endpoints.values()].map(({ courier }) => courier.close()))
    },
  }
}
