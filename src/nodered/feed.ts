import type { ConsumerRules, HubConsumer, HubConsumerSpec } from '../hub/hub.ts'
import type { Delivered, Gap } from '../journal/journal-port.ts'
import type { Repeats } from '../telemetry/repeats.ts'
import type { Emit, NewMsg, Result } from './define.ts'
import { deliveries, type LiveConsumer, splitDelivery } from './delivery.ts'
import type { HubRef } from './hubs.ts'

/** What a flow gets of some records, in journal order. */
export interface Handout {
  /**
   * Messages of output 1, or of output 3 if `aside`, and the records they hold, which are one delivery: what fails in a message comes again with these records
   * and no others.
   */
  shares: { seqs: number[]; messages: NewMsg[]; aside?: boolean }[]
  /** for output 2 */
  notices: NewMsg[]
  /** Records of which the flow has nothing to acknowledge. */
  done: number[]
}

export interface FeedOptions {
  hub: HubRef
  spec: Omit<HubConsumerSpec, 'ack'>
  /** `delivery`: acknowledged once sent; `flow`: when its messages are, through their tokens. */
  ack: 'delivery' | 'flow'
  /** Records a call of `messagesOf` gets at most. */
  max: number
  messagesOf(records: Delivered[]): Handout
  gapOf(gap: Gap): Result
  emit: Emit
  /** What it knows for a repeat is acknowledged at once, and goes nowhere. */
  repeats?: Repeats | undefined
}

/** Messages released in one turn of the event loop: a burst must not starve the editor, nor the switch nodes behind. */
const perTurn = 50

/** A journal consumer that hands its records to a flow at the flow's pace. */
export class Feed {
  readonly #options: FeedOptions
  #queue: Delivered[] = []
  #consumer: HubConsumer | undefined
  #live: LiveConsumer | undefined
  #turn: NodeJS.Immediate | undefined
  #stopped = false
  #released = 0
  #repeats = 0
  /** repeats that are not acknowledged yet */
  #repeated: number[] = []
  #newest = { seq: 0, at: 0 }
  /** handed over, not acknowledged yet */
  #sent: number[] = []
  #settling: NodeJS.Immediate | undefined

  private constructor(options: FeedOptions) {
    this.#options = options
  }

  /** JOURNAL_CONSUMER_EXISTS, JOURNAL_TRIMMED. */
  static async open(options: FeedOptions): Promise<Feed> {
    const feed = new Feed(options)
    const { hub, spec } = options
    const consumer = await hub.hub.consume(
      { ...spec, ack: 'flow' },
      {
        deliver: records => feed.#take(records),
        gap: gap => feed.#skip(gap),
      },
    )
    feed.#consumer = consumer
    feed.#live = deliveries.open(hub.hubId, consumer)
    feed.#passOver()
    feed.#schedule()
    return feed
  }

  /** Records sent so far, repeats left out so far, and records that wait in the journal. */
  progress(): { released: number; repeats: number; lag: number } {
    const state = this.#consumer!.state()
    this.#live!.forget(state.cursor)
    return { released: this.#released, repeats: this.#repeats, lag: state.lag }
  }

  /** Other rules in the hub, for a consumer that was opened with some. */
  setRules(rules: ConsumerRules): void {
    this.#consumer?.setRules(rules)
  }

  /** Nothing more is sent; what waits stays unacknowledged and comes again after the next start. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
    this.#sent = []
    clearImmediate(this.#turn)
    clearImmediate(this.#settling)
  }

  /** `forget`: nobody will read on from here, so the journal need keep nothing for it. */
  async close({ forget = false } = {}): Promise<void> {
    this.stop()
    this.#live?.close()
    await this.#consumer?.close()
    if (forget) await this.#options.hub.hub.journal.forget({ name: this.#options.spec.name })
  }

  #take(records: Delivered[]): void {
    if (this.#stopped) return
    for (const record of records) {
      const counted = this.#counted(record)
      if (this.#options.repeats?.isRepeat(record)) this.#repeated.push(record.seq)
      else this.#queue.push(counted)
    }
    this.#passOver()
    this.#schedule()
  }

  /** Its first one comes again by itself if the flow has not acknowledged it, so this one need not wait. */
  #passOver(): void {
    if (!this.#consumer || !this.#repeated.length) return
    this.#repeats += this.#repeated.length
    this.#consumer.ack(this.#repeated.splice(0))
  }

  /** A restarted hub counts deliveries anew, but new records only ever come in ascending order, unless some are held back; a journal begun anew is younger. */
  #counted(record: Delivered): Delivered {
    const { seq, at, deliveries: count } = record
    if (seq > this.#newest.seq || at > this.#newest.at) this.#newest = record
    else if (count === 1 && !this.#options.spec.strictOrder) return { ...record, deliveries: 2 }
    return record
  }

  #skip(gap: Gap): void {
    if (!this.#stopped) this.#options.emit(this.#options.gapOf(gap))
  }

  #schedule(): void {
    if (this.#turn || this.#stopped || !this.#queue.length || !this.#live) return
    this.#turn = setImmediate(() => this.#release())
  }

  #release(): void {
    this.#turn = undefined
    const { max } = this.#options
    let at = 0
    for (let sent = 0; sent < perTurn && at < this.#queue.length; sent++) {
      this.#send(this.#queue.slice(at, at + max))
      at += max
    }
    this.#queue = this.#queue.slice(at)
    this.#schedule()
  }

  #send(records: Delivered[]): void {
    const { ack, messagesOf, emit } = this.#options
    const { shares, notices, done } = messagesOf(records)
    const messages: NewMsg[] = []
    const aside: NewMsg[] = []
    for (const share of shares) {
      if (ack === 'flow') this.#mark(share)
      else for (const seq of share.seqs) done.push(seq)
      for (const msg of share.messages) (share.aside ? aside : messages).push(msg)
    }
    if (messages.length || notices.length || aside.length) emit([messages, notices, aside])
    this.#released += records.length
    if (done.length) this.#acknowledge(done)
  }

  /** A turn after the next nodes have them: what is on its way when the flows stop goes nowhere, and must come again. */
  #acknowledge(seqs: readonly number[]): void {
    for (const seq of seqs) this.#sent.push(seq)
    this.#settling ??= setImmediate(() => {
      this.#settling = setImmediate(() => {
        this.#settling = undefined
        if (!this.#stopped) this.#consumer!.ack(this.#sent.splice(0))
      })
    })
  }

  #mark({ seqs, messages }: Handout['shares'][number]): void {
    const parts = splitDelivery(this.#live!.issue(seqs), messages.length)
    messages.forEach((msg, i) => {
      msg.delivery = parts[i]
    })
  }
}
