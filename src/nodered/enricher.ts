import { LoomError } from '../errors.ts'
import type { Hub, HubEvent } from '../hub/hub.ts'
import type { EnrichmentRow } from '../routing/enrichment-row.ts'
import { referenceLimits } from '../storage/reference-table.ts'
import type { DeviceFacts } from '../telemetry/device-facts.ts'
import { checkEnrichments, enriched, type Enriched, factsNeeded, keyOfRow, ownMember } from '../telemetry/enrichment.ts'
import type { Reading } from '../telemetry/reading.ts'
import { FactCache } from './fact-cache.ts'

export interface EnricherOptions {
  rows: readonly EnrichmentRow[]
  hub?: Pick<Hub, 'reference'> | undefined
  /** of `$iothubname` */
  hubName?: string | undefined
  /** devices, and rows of each table, that are remembered */
  limit: number
  ttlMs: number
  now: () => number
  /** A variable of the flow or of all flows. */
  variable(from: 'flow' | 'global', name: string, msg: object): Promise<unknown>
}

/** What a batch found, by what it was looked for under. */
interface Found {
  facts: Map<string, DeviceFacts | undefined>
  tables: Map<string, Map<string, unknown>>
  variables: Map<string, unknown>
}

/** Enriches batches with one question to the hub for their devices, one for each table and one for each variable, and none for what is remembered. */
export class Enricher {
  readonly #o: EnricherOptions
  readonly #needed
  readonly #devices: FactCache<DeviceFacts>
  readonly #tables = new Map<string, { cache: FactCache<unknown>; rows: EnrichmentRow[] }>()
  readonly #variables = new Map<string, { from: 'flow' | 'global'; name: string }>()

  /** NODE_CONFIG for a row that cannot be used, HUB_MISSING for one that needs a hub. */
  constructor(o: EnricherOptions) {
    checkEnrichments(o.rows)
    this.#o = o
    this.#needed = factsNeeded(o.rows)
    this.#devices = new FactCache(o)
    for (const row of o.rows) {
      const { from, name } = row
      if (from === 'flow' || from === 'global') this.#variables.set(`${from}.${name}`, { from, name })
      if (from !== 'table') continue
      const there = this.#tables.get(name)
      if (there) there.rows.push(row)
      else this.#tables.set(name, { cache: new FactCache(o), rows: [row] })
    }
    if (!o.hub && (this.#needed.length || this.#tables.size))
      throw new LoomError('HUB_MISSING', '', { hint: 'choose a hub in the node and deploy' })
  }

  /** In the order of the readings. Answers at once when all is remembered. Codes of the hub's reference data. */
  enrich(readings: readonly Reading[], msg: object): Enriched[] | Promise<Enriched[]> {
    const found: Found = { facts: new Map(), tables: new Map(), variables: new Map() }
    const questions = [...this.#askDevices(readings, found), ...this.#askTables(readings, msg, found)]
    for (const [key, { from, name }] of this.#variables)
      questions.push(this.#o.variable(from, name, msg).then(value => void found.variables.set(key, value)))
    const made = (): Enriched[] => readings.map(reading => this.#enriched(reading, found, msg))
    return questions.length ? Promise.all(questions).then(made) : made()
  }

  /** What the hub tells has changed is not remembered any more. A hub that starts again may have told nobody. */
  hear(event: HubEvent): void {
    if (event.type === 'reference') this.#tables.get(event.table)?.cache.clear()
    else if (event.type === 'twin') this.#devices.forget(event.device)
    else if (event.type === 'device' && changes.has(event.change)) this.#devices.forget(event.id)
    else if (event.type === 'health') {
      this.#devices.clear()
      for (const { cache } of this.#tables.values()) cache.clear()
    }
  }

  *#askDevices(readings: readonly Reading[], { facts }: Found): Generator<Promise<void>> {
    if (!this.#needed.length) return
    const unknown = this.#devices.known(new Set(readings.map(({ device }) => device)), facts)
    for (const ids of portions(unknown))
      yield this.#devices.ask(ids, facts, async () => {
        const { items } = await this.#o.hub!.reference.devices({ ids, of: this.#needed })
        return new Map(items.map(item => [item.id, item]))
      })
  }

  *#askTables(readings: readonly Reading[], msg: object, { tables }: Found): Generator<Promise<void>> {
    for (const [table, { cache, rows }] of this.#tables) {
      const keys = new Set(readings.flatMap(reading => rows.flatMap(row => keyOfRow(row, reading, msg) ?? [])))
      const into = new Map<string, unknown>()
      tables.set(table, into)
      for (const some of portions(cache.known(keys, into)))
        yield cache.ask(some, into, async () => {
          const { items } = await this.#o.hub!.reference.lookup({ table, keys: some })
          return new Map(items.map(({ key, row }) => [key, row]))
        })
    }
  }

  #enriched(reading: Reading, { facts, tables, variables }: Found, msg: object): Enriched {
    return enriched(reading, this.#o.rows, {
      hubName: this.#o.hubName,
      facts: facts.get(reading.device),
      found: (from, name, key) => {
        if (from === 'table') return tables.get(name)?.get(key!)
        const value = variables.get(`${from}.${name}`)
        return key === undefined ? value : ownMember(value, key)
      },
      msg,
    })
  }
}

const changes: ReadonlySet<string> = new Set(['created', 'updated', 'deleted'])

/** As many as one question may have. */
function* portions(keys: readonly string[]): Generator<string[]> {
  for (let at = 0; at < keys.length; at += referenceLimits.asked) yield keys.slice(at, at + referenceLimits.asked)
}
