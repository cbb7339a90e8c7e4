import type { NodeDef } from 'node-red'
import { defineNode, type Msg } from '../../src/nodered/define.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { pageOf, type QueryFields, type QueryRequest, queryRequestOf } from '../../src/nodered/query-request.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import type { WarmPage } from '../../src/storage/warm-store.ts'
import { type QueryConfig, type } from './config.ts'

export default defineNode<QueryConfig & NodeDef>(type, async (config, { node, RED, status, signal }) => {
  const { hub } = await hubOf(config)
  status('ok', '')

  /** Settings, with what `msg.query` says in their place. */
  const fieldsOf = async (msg: Msg): Promise<QueryFields> => {
    const typed = (value: string, kind: string): Promise<unknown> => typedValue(RED, node, { value, type: kind }, msg)
    const { kind, everyMs, maxPoints, fn, shape, order, limit } = config
    const asked = typeof msg.query === 'object' && msg.query !== null ? msg.query : {}
    return {
      kind,
      everyMs,
      maxPoints,
      fn,
      shape,
      order,
      limit,
      devices: await typed(config.devices, config.devicesType),
      points: await typed(config.points, config.pointsType),
      from: await typed(config.from, config.fromType),
      to: await typed(config.to, config.toType),
      ...asked,
    }
  }

  const answer = (msg: Msg, request: QueryRequest, payload: unknown, more: object): Msg => ({
    ...msg,
    payload,
    query: { kind: request.kind, ...request.query, ...more },
  })

  return {
    async input(msg, emit) {
      const request = queryRequestOf(await fieldsOf(msg), Date.now())
      if (request.kind === 'last') {
        const items = await hub.query.last(request.query)
        status('ok', String(items.length))
        return answer(msg, request, items, {})
      }
      const first = await pageOf(hub.query, request)
      if (config.answer === 'one' || request.kind !== 'range') {
        status('ok', String(first.items.length))
        return answer(msg, request, first.items, rest(first))
      }
      let total = 0
      for (let page = first; !signal.aborted; ) {
        total += page.items.length
        status('busy', String(total))
        emit(answer(msg, request, page.items, rest(page)))
        if (!page.next) break
        page = await pageOf(hub.query, { ...request, query: { ...request.query, cursor: page.next } })
      }
      status('ok', String(total))
    },
  }
})

const rest = ({ next, stats }: WarmPage): object => ({ stats, ...(next !== undefined && { next }) })
