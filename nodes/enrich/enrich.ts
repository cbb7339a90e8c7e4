import type { NodeDef } from 'node-red'
import { defineNode, type NewMsg } from '../../src/nodered/define.ts'
import { splitDelivery, tokenOf } from '../../src/nodered/delivery.ts'
import { Enricher } from '../../src/nodered/enricher.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { referenceOrder } from '../../src/nodered/reference-order.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import type { Enriched } from '../../src/telemetry/enrichment.ts'
import { type ReadingMessage, readingsOf, withReadings } from '../../src/telemetry/message.ts'
import { type EnrichConfig, type } from './config.ts'

export default defineNode<EnrichConfig & NodeDef>(type, async (config, { node, RED, status }) => {
  const { hub, hubId } = config.hub ? await hubOf(config) : {}
  const enricher = new Enricher({
    rows: config.rows ?? [],
    hub,
    hubName: hubId,
    limit: Math.max(1, Number(config.cacheEntries ?? 10_000)),
    ttlMs: Number(config.cacheMs ?? 60_000),
    now: Date.now,
    variable: (from, name, msg) => typedValue(RED, node, { value: name, type: from }, msg as never),
  })
  const stop = hub?.subscribe(event => enricher.hear(event))
  let [passed, without, failed] = [0, 0, 0]
  const show = (): void => {
    const some = (count: number, what: string): string => (count ? ` · ${count} ${RED._(`enrich.state.${what}`)}` : '')
    status(without || failed ? 'warn' : 'ok', `${passed}${some(without, 'without')}${some(failed, 'failed')}`)
  }
  show()

  const answer = (msg: NewMsg, results: readonly Enriched[]): (NewMsg | undefined)[] => {
    const good = results.filter(({ fault }) => !fault)
    const bad = results.filter(({ fault }) => fault)
    passed += good.length
    failed += bad.length
    without += good.filter(({ missing }) => missing.length).length
    show()
    const token = bad.length && good.length ? tokenOf(msg.delivery) : undefined
    const [first, second] = token ? splitDelivery(token, 2).map(delivery => ({ ...msg, delivery })) : [msg, msg]
    const fails = bad[0] && withReadings(second as ReadingMessage & NewMsg, readingsIn(bad))
    return [withReadings(first as ReadingMessage & NewMsg, readingsIn(good)), fails && { ...fails, error: errorOf(bad) }]
  }

  return {
    input(msg) {
      const order = referenceOrder(msg, `node ${config.id}`)
      if (order) return order(hub).then(text => status('ok', text))
      const readings = readingsOf(msg, Date.now())
      const results = enricher.enrich(readings, msg)
      return results instanceof Promise ? results.then(found => answer(msg, found)) : answer(msg, results)
    },
    close: () => stop?.(),
  }
})

const readingsIn = (results: readonly Enriched[]) => results.map(({ reading }) => reading)

/** The first fault, and which targets have no value. */
function errorOf(bad: readonly Enriched[]): object {
  const { code, message, hint } = bad[0]!.fault!
  const missing = [...new Set(bad.flatMap(result => result.missing))]
  const more = bad.length > 1 ? `; ${bad.length - 1} more of the batch` : ''
  return { code, message: message + more, missing, ...(hint !== undefined && { hint }) }
}
