import type { Node, NodeDef } from 'node-red'
import { LoomError } from '../../errors.ts'
import type { Gap } from '../../journal/journal-port.ts'
import type { Repeats } from '../../telemetry/repeats.ts'
import { consumerOf, repeatsOf } from '../consumer-fields.ts'
import type { Emit } from '../define.ts'
import type { Feed } from '../feed.ts'
import { wordsOf } from '../hub-options.ts'
import type { HubRef } from '../hubs.ts'
import type { Intake } from './intake.ts'
import { kindsFor, openJournalFeed, openReplayFeed } from './route-feed.ts'
import type { RouteFields } from './route-fields.ts'
import type { Router } from './router.ts'
import type { RuleTable } from './rule-table.ts'

interface Parts {
  fields: RouteFields & NodeDef
  hub: HubRef
  /** durable name */
  consumer: string
  table: RuleTable
  router: Router
  node: Node
  emit: Emit
  gap(gap: Gap): void
}

/** The consumer of a node: all of what it gets if the hub feeds it, else its dead letters that come back. */
export class HubSide {
  readonly #parts: Parts
  /** Outlives a feed that gives way to another one. */
  readonly #repeats: Repeats | undefined
  /** left out by feeds before */
  #leftOut = 0
  #feed: Feed | undefined
  #kinds = ''
  #stopped = false
  /** Records wait for each other, as messages of the wires do. */
  #tail: Promise<void> = Promise.resolve()
  #following: Promise<void> = Promise.resolve()

  private constructor(parts: Parts) {
    this.#parts = parts
    this.#repeats = parts.fields.from === 'hub' ? repeatsOf(parts.fields) : undefined
  }

  /** JOURNAL_CONSUMER_EXISTS, JOURNAL_TRIMMED, NODE_CONFIG. */
  static async open(parts: Parts): Promise<HubSide> {
    const side = new HubSide(parts)
    await side.#open()
    return side
  }

  /** Records that wait in the journal; 0 where only dead letters are read. */
  get lag(): number {
    return (this.#parts.fields.from === 'hub' && this.#feed?.progress().lag) || 0
  }

  /** Repeats left out so far. */
  get repeats(): number {
    return this.#leftOut + (this.#feed?.progress().repeats ?? 0)
  }

  /** The table has other rules. If these look at other records, the consumer of that name begins anew. */
  follow(): void {
    const { node } = this.#parts
    this.#following = this.#following.then(() => this.#follow()).catch(thrown => node.error(LoomError.from(thrown)))
  }

  stop(): void {
    this.#stopped = true
    this.#feed?.stop()
  }

  /** A consumer that is named by the user outlives the node; one named after the node ends with it. */
  async close(removed: boolean): Promise<void> {
    const { fields } = this.#parts
    await this.#following
    await this.#feed?.close({ forget: removed && !(fields.from === 'hub' && fields.consumer?.trim()) })
  }

  async #follow(): Promise<void> {
    const { table, fields } = this.#parts
    if (fields.from !== 'hub' || this.#stopped) return
    this.#feed?.setRules({ rules: table.texts, logic: table.logic })
    if (kindsFor(table.sources).join() === this.#kinds) return
    const before = this.#feed
    this.#leftOut = this.repeats
    this.#feed = undefined
    await before?.close()
    if (!this.#stopped) await this.#open()
  }

  async #open(): Promise<void> {
    const { hub, table, fields, consumer, gap } = this.#parts
    const take = (intake: Intake): void => this.#take(intake)
    if (fields.from !== 'hub') {
      this.#feed = await openReplayFeed({ hub, take, name: consumer })
      return
    }
    const kinds = kindsFor(table.sources)
    this.#kinds = kinds.join()
    const max = Math.max(1, Number(fields.batchMax) || 1)
    const filter = { devices: wordsOf(fields.devices), topics: wordsOf(fields.topics), streams: wordsOf(fields.streams), kinds }
    this.#feed = await openJournalFeed({
      hub,
      take,
      gap,
      max,
      repeats: this.#repeats,
      spec: {
        ...consumerOf(fields, filter),
        ...(max > 1 && { batch: max, lingerMs: Math.max(0, Number(fields.batchLingerMs) || 0) }),
      },
      ack: fields.ack === 'flow' ? 'flow' : 'sent',
      // What no rule matches has to come here to be sent on.
      rules: fields.unmatched ? undefined : { rules: table.texts, logic: table.logic },
    })
  }

  #take(intake: Intake): void {
    const { router, node, emit } = this.#parts
    this.#tail = this.#tail
      .then(() => (this.#stopped ? undefined : router.route(intake, emit)))
      .catch(thrown => node.error(LoomError.from(thrown), { ...intake.base } as never))
  }
}
