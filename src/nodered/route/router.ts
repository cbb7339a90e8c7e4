import { LoomError } from '../../errors.ts'
import type { RuleMessage } from '../../routing/message.ts'
import type { Emit, NewMsg } from '../define.ts'
import { type DeliveryToken, deliveries, splitDelivery, tokenOf } from '../delivery.ts'
import { type Failure, keepFailures, type LetterBox, oneError, reportOf } from './failures.ts'
import type { Intake, Item } from './intake.ts'
import { copyOfMessage } from './message-copy.ts'
import type { Outputs } from './outputs.ts'
import type { RuleTable, TableMatch } from './rule-table.ts'

/** A message that rules have sent on more often than this goes round. */
export const mostHops = 8

/** Items of a batch for which the hub is asked at a time. */
const mostAsking = 100

export interface RouterParts {
  table: RuleTable
  outputs: Outputs
  deliver: 'all' | 'first'
  source: { id: string; type: string; name?: string }
  /** Whether somebody takes what an output sends: wires may change while the node lives. */
  wired(output: number): boolean
  clone(msg: NewMsg): NewMsg
  now(): number
  /** Of the device that sent a message; undefined if there is none. */
  twinOf?(device: string): Promise<RuleMessage['twin']>
  letters?: LetterBox
  /** Called for each item with the names of the rules that matched. */
  seen(item: Item, matched: readonly string[]): void
  /** Called for each failure. */
  failed(failure: Failure): void
  /** Acknowledges what was sent, once it is with the next nodes. */
  sent(delivery: unknown): void
}

interface Sending {
  output: number
  /** Of a batch, in the order of the items. */
  readings: object[]
  /** Of single things, one message each. */
  messages: NewMsg[]
}

interface Routed {
  intake: Intake
  sendings: Map<number, Sending>
  failures: Failure[]
  at: number
}

/** Takes what comes in through the rules to the outputs. */
export class Router {
  readonly #parts: RouterParts

  constructor(parts: RouterParts) {
    this.#parts = parts
  }

  /** At once if nobody has to be asked and nothing failed. Throws what failed, after everything else was sent. */
  route(intake: Intake, emit: Emit): void | Promise<void> {
    const { table, now } = this.#parts
    const routed: Routed = { intake, sendings: new Map(), failures: [], at: now() }
    if (this.#hasToAsk(intake)) return this.#routeSlowly(routed, emit)
    for (const item of intake.items) {
      const error = refusalOf(item)
      if (error) this.#fail({ item, error }, routed)
      else this.#take(item, table.match(item.message), routed)
    }
    return this.#finish(routed, emit)
  }

  #hasToAsk({ items }: Intake): boolean {
    const { table, twinOf } = this.#parts
    return table.asks || (twinOf !== undefined && table.needsTwin) || items.some(item => this.#ruleOf(item) !== undefined)
  }

  /** Of a dead letter of this node that comes back: the rule that failed. Letters of other nodes pass by like any message. */
  #ruleOf({ replayed }: Item): string | undefined {
    return replayed?.node === this.#parts.source.id ? replayed.rule : undefined
  }

  async #routeSlowly(routed: Routed, emit: Emit): Promise<void> {
    const twins = new Map<string, Promise<RuleMessage['twin']>>()
    const { items } = routed.intake
    const together = this.#parts.table.asksHubAlone ? mostAsking : 1
    for (let at = 0; at < items.length; at += together) {
      const some = items.slice(at, at + together)
      const answers = await Promise.all(some.map(item => this.#answerFor(item, twins)))
      for (const [i, answer] of answers.entries()) {
        if (Array.isArray(answer)) this.#take(some[i]!, answer, routed)
        else this.#fail(answer, routed)
      }
    }
    await this.#finish(routed, emit)
  }

  async #answerFor(item: Item, twins: Map<string, Promise<RuleMessage['twin']>>): Promise<TableMatch[] | Failure> {
    const { table } = this.#parts
    const error = refusalOf(item)
    if (error) return { item, error }
    if (table.needsTwin) await this.#attachTwin(item, twins)
    const rule = this.#ruleOf(item)
    if (rule === undefined) return table.matchAsync(item.message)
    const matches = await table.matchOnly(rule, item.message)
    return matches ?? { item, rule, error: new LoomError('RULE_NOT_FOUND', rule.slice(0, 100)) }
  }

  async #attachTwin({ message }: Item, known: Map<string, Promise<RuleMessage['twin']>>): Promise<void> {
    const { twinOf } = this.#parts
    const { deviceId, twin } = message
    if (twin || !twinOf || deviceId === undefined) return
    let found = known.get(deviceId)
    if (!found) known.set(deviceId, (found = twinOf(deviceId)))
    const own = await found
    if (own) message.twin = own
  }

  #take(item: Item, matches: readonly TableMatch[], routed: Routed): void {
    const { deliver, outputs, seen } = this.#parts
    const matched: string[] = []
    let failed = false
    let first: TableMatch['rule'] | undefined
    for (const { rule, output, error } of matches) {
      if (deliver === 'first' && first && rule !== first) break
      const name = rule.row.name
      try {
        if (error) throw error
        this.#put(outputs.of(rule.row.id), { item, rule, output }, routed)
        first ??= rule
        if (matched.at(-1) !== name) matched.push(name)
      } catch (thrown) {
        failed = true
        this.#fail({ item, rule: name, error: thrown as Error }, routed)
      }
    }
    seen(item, matched)
    if (!first && !failed && this.#ruleOf(item) === undefined) this.#putUnmatched(item, routed)
  }

  #fail(failure: Failure, { failures }: Routed): void {
    failures.push(failure)
    this.#parts.failed(failure)
  }

  #sendingTo(output: number | undefined, { sendings }: Routed): Sending | undefined {
    if (output === undefined || !this.#parts.wired(output)) return undefined
    let sending = sendings.get(output)
    if (!sending) sendings.set(output, (sending = { output, readings: [], messages: [] }))
    return sending
  }

  #put(
    to: number | undefined,
    { item, rule, output }: { item: Item; rule: TableMatch['rule']; output: unknown },
    routed: Routed,
  ): void {
    const topic = this.#parts.table.topicOf(rule, item.message)
    const sending = this.#sendingTo(to, routed)
    if (!sending) return
    const { base, batch } = routed.intake
    const mark = { rule: { name: rule.row.name, at: routed.at } }
    const elsewhere = topic !== undefined && { topic }
    if (!batch) sending.messages.push({ ...base, payload: output, ...mark, ...elsewhere })
    else {
      sending.readings.push({ ...item.reading, values: output, ...elsewhere })
      if (sending.messages.length === 0) sending.messages.push({ ...base, payload: sending.readings, ...mark })
    }
  }

  #putUnmatched(item: Item, routed: Routed): void {
    const sending = this.#sendingTo(this.#parts.outputs.unmatched, routed)
    if (!sending) return
    const { base, batch } = routed.intake
    if (!batch) sending.messages.push({ ...base, payload: item.payload })
    else {
      sending.readings.push({ ...item.reading, values: item.payload })
      if (sending.messages.length === 0) sending.messages.push({ ...base, payload: sending.readings })
    }
  }

  #finish(routed: Routed, emit: Emit): void | Promise<void> {
    if (routed.failures.length > 0) return this.#finishFailed(routed, emit)
    const messages = this.#send(routed, emit, 0)
    return this.#acknowledgeNone(routed.intake, messages)
  }

  async #finishFailed(routed: Routed, emit: Emit): Promise<void> {
    const { letters, outputs, source } = this.#parts
    const { intake, at } = routed
    const failures = routed.failures as [Failure, ...Failure[]]
    if (letters) await keepFailures(letters, failures)
    const reporting = this.#sendingTo(outputs.error, routed)
    if (reporting) for (const all of byRule(failures)) reporting.messages.push(reportOf(intake.base, all, source, at))
    const refused = letters || reporting ? undefined : failures
    const messages = this.#send(routed, emit, refused ? 1 : 0)
    if (refused && intake.ack === 'flow') await this.#refuse(intake, messages, refused)
    else await this.#acknowledgeNone(intake, messages)
    if (!reporting) throw oneError(failures)
  }

  /** One call per message. The first shares what it holds with what came in, the others have copies. `more`: parts of the delivery that are no messages. */
  #send({ intake, sendings }: Routed, emit: Emit, more: number): number {
    const all = [...sendings.values()].sort((a, b) => a.output - b.output)
    const count = all.reduce((sum, { messages }) => sum + messages.length, 0)
    if (count === 0) return 0
    const tokens = tokensOf(intake, count + more)
    const result: NewMsg[][] = []
    let sent = 0
    for (const { output, messages } of all) {
      result[output] = messages.map(msg => {
        const own = sent === 0 ? msg : copyOfMessage(msg, this.#parts.clone)
        const delivery = tokens?.[sent]
        sent++
        if (delivery) own.delivery = delivery
        return own
      })
    }
    emit(result)
    return count
  }

  #acknowledgeNone({ delivery, ack }: Intake, messages: number): void | Promise<void> {
    if (delivery === undefined || delivery === null) return
    if (ack === 'sent') this.#parts.sent(delivery)
    else if (messages === 0) return deliveries.acknowledge(delivery)
  }

  /** Nobody else keeps what failed: its records become dead letters of the consumer that they came through. */
  async #refuse(intake: Intake, messages: number, [first, ...others]: [Failure, ...Failure[]]): Promise<void> {
    const { code = 'NODE_FAULT', message } = first.error as LoomError
    const seqs = [first, ...others].flatMap(({ item }) => item.original().jseq ?? [])
    const tokens = tokensOf(intake, messages + 1)
    await deliveries.acknowledge(tokens?.at(-1), { seqs: [...new Set(seqs)], code, message, node: this.#parts.source.id })
  }
}

/** Why no rule looks at it. */
function refusalOf({ fault, hops }: Item): LoomError | undefined {
  if (fault || hops <= mostHops) return fault
  const hint = 'take the topic that a rule publishes to out of its FROM'
  return new LoomError('ROUTE_LOOP', `${hops} hops, at most ${mostHops}`, { hint })
}

function tokensOf({ delivery, ack }: Intake, count: number): DeliveryToken[] | undefined {
  const token = ack === 'flow' ? tokenOf(delivery) : undefined
  return token && splitDelivery(token, count)
}

/** Failures by item and rule. */
function byRule(failures: readonly Failure[]): [Failure, ...Failure[]][] {
  const groups = new Map<Item, Map<string | undefined, [Failure, ...Failure[]]>>()
  for (const failure of failures) {
    const { item, rule } = failure
    const rules = groups.get(item) ?? new Map<string | undefined, [Failure, ...Failure[]]>()
    groups.set(item, rules)
    const group = rules.get(rule)
    if (group) group.push(failure)
    else rules.set(rule, [failure])
  }
  return [...groups.values()].flatMap(rules => [...rules.values()])
}
