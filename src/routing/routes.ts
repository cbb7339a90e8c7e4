import { LoomError } from '../errors.ts'
import { enrichmentOf } from './enrichment.ts'
import type { RuleMessage } from './message.ts'
import type { RuleOptions } from './rule-options.ts'
import { createRuleSet } from './rule-set.ts'
import type { ConditionSource } from './rule-text.ts'

export interface Route {
  name: string
  /** `true` takes everything. */
  condition: string
  endpoint: string
  /** Telemetry, unless it says otherwise. */
  source?: ConditionSource
  enabled?: boolean
}

/** An application property that messages get before they are delivered. */
export interface Enrichment {
  key: string
  /** A text, `$iothubname`, or a path of the twin. */
  value: string
  /** For these only; without them for all. */
  endpoints?: readonly string[]
  /** What becomes of a path that does not exist: the text itself as in Azure, or no property. */
  missing?: 'text' | 'omit'
}

export interface RoutesOptions extends Pick<RuleOptions, 'limits' | 'ports'> {
  routes: readonly Route[]
  /** Messages of no route go to `fallback:events`. */
  fallback?: boolean
  enrichments?: readonly Enrichment[]
}

export interface Delivery {
  /** Each once, in the order of their first matching route. */
  endpoints: string[]
  /** Names of all routes that match. */
  routes: string[]
  /** Application properties with the enrichments that all endpoints get. */
  properties: Properties
  /** With those of its own too, for each endpoint. */
  propertiesOf: Record<string, Properties>
}

type Properties = Record<string, string | readonly string[]>

export interface RouteStats {
  delivered: number
  fallback: number
  dropped: number
  /** How often the path of an enrichment did not exist, by its key. */
  missing: Record<string, number>
}

export interface Routes {
  deliver(message: RuleMessage): Delivery
  stats(): RouteStats
}

export const fallbackEndpoint = 'fallback:events'
const mostEnrichments = 100

/** Routes of Azure IoT Hub: each message goes once to each endpoint. Throws the errors of `compileCondition`, RULE_LIMIT for over 100 enrichments. */
export function createRoutes({ routes, fallback = false, enrichments = [], ...options }: RoutesOptions): Routes {
  if (enrichments.length > mostEnrichments)
    throw new LoomError('RULE_LIMIT', `${enrichments.length} enrichments`, { hint: `at most ${mostEnrichments}` })
  const set = createRuleSet(
    routes.filter(({ enabled = true }) => enabled),
    options,
  )
  const counts = { delivered: 0, fallback: 0, dropped: 0 }
  const missing = new Map<string, number>()
  const addTo = (properties: Properties, wanted: readonly Enrichment[], message: RuleMessage): Properties => {
    const all = new Map<string, string | readonly string[]>(Object.entries(properties))
    for (const { key, value, missing: otherwise = 'text' } of wanted) {
      const found = enrichmentOf(value, message)
      if (found === undefined) missing.set(key, (missing.get(key) ?? 0) + 1)
      if (found !== undefined || otherwise === 'text') all.set(key, found ?? value)
    }
    return Object.fromEntries(all)
  }
  const common = enrichments.filter(each => !each.endpoints)
  return {
    deliver(message) {
      const matches = set.match(message)
      const found = [...new Set(matches.map(({ rule }) => rule.endpoint))]
      const endpoints = found.length === 0 && fallback ? [fallbackEndpoint] : found
      if (found.length > 0) counts.delivered++
      else if (fallback) counts.fallback++
      else counts.dropped++
      const properties = addTo(message.properties ?? {}, endpoints.length > 0 ? common : [], message)
      const own = endpoints.map(endpoint => {
        const wanted = enrichments.filter(each => each.endpoints?.includes(endpoint))
        return [endpoint, wanted.length > 0 ? addTo(properties, wanted, message) : properties] as const
      })
      return { endpoints, routes: matches.map(({ rule }) => rule.name), properties, propertiesOf: Object.fromEntries(own) }
    },
    stats: () => ({ ...counts, missing: Object.fromEntries(missing) }),
  }
}
