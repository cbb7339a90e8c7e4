import { LoomError, type TextPosition } from '../errors.ts'
import { conditionBody } from './condition-body.ts'
import { callKey } from './functions/external-functions.ts'
import { externalLimits, MissingAnswer, type RuleHost } from './host.ts'
import type { RuleMessage } from './message.ts'
import { excessOf } from './output-size.ts'
import { decodedPayload } from './payload.ts'
import type { CallContext, RulePorts } from './rule-function.ts'
import { isBytes, isObject } from './values.ts'

/** A piece of a rule, compiled. */
export type Closure = (scope: Scope) => unknown

/** What all messages of a rule or of a rule set share. */
export interface Surroundings {
  readonly ports: RulePorts
  readonly host?: RuleHost | undefined
  readonly accountId?: string | undefined
}

const none: readonly unknown[] = []
const unread = Symbol('unread')

/** Elements that nested queries and FOREACH may visit for one message. */
const mostVisits = 1_000_000

let turns = 0

/** One message while rules look at it. */
export class Scope implements CallContext {
  /** Tells it from all others before; never 0. */
  readonly turn: number
  /** Without the first levels of a Basic Ingest topic. */
  readonly topic: string | undefined
  /** What names mean inside a nested SELECT. */
  element: unknown = undefined
  /** What the name of FOREACH means. */
  item: unknown = undefined
  /** The constants of the rules whose shape is tested, one rule behind the other, and where those of the current rule begin. */
  parameters: readonly unknown[] = none
  firstParameter = 0
  /** What memos worked out of this message, from 1 on: it begins with what is no number, or it would change its kind with the first text. */
  readonly values: unknown[] = [undefined]
  /** Answers of external functions by call; `undefined` while nobody may be asked. */
  answers: Map<string, unknown> | undefined
  /** Calls under way or done, by the same keys. */
  asked: Map<string, Promise<unknown>> | undefined
  readonly #given: RuleMessage
  readonly #around: Surroundings
  #message: RuleMessage | undefined
  #payload: unknown = unread
  #parsed: Readonly<Record<string, unknown>> | undefined
  #body: unknown = unread
  #visits = 0

  constructor(message: RuleMessage, around: Surroundings, topic: string | undefined) {
    this.turn = ++turns
    this.#given = message
    this.#around = around
    this.topic = topic
  }

  get ports(): RulePorts {
    return this.#around.ports
  }

  /** As functions see it. */
  get message(): RuleMessage {
    return (this.#message ??= this.#seen())
  }

  #seen(): RuleMessage {
    const { accountId } = this.#around
    const given = this.#given
    const ownsAccount = accountId === undefined || given.accountId !== undefined
    if (ownsAccount && this.topic === given.topic) return given
    return {
      ...given,
      ...(!ownsAccount && { accountId }),
      ...(this.topic !== undefined && { topic: this.topic }),
    }
  }

  /** The decoded value, or bytes that are no JSON. */
  payload(): unknown {
    if (this.#payload === unread) this.#read()
    return this.#payload
  }

  /** The payload if it is a JSON object that was parsed here: all that it has is its own, but what all objects have. */
  parsed(): Readonly<Record<string, unknown>> | undefined {
    if (this.#payload === unread) this.#read()
    return this.#parsed
  }

  #read(): void {
    const { payload } = this.#given
    const value = decodedPayload(payload)
    this.#payload = value
    if (value !== payload && isObject(value)) this.#parsed = value
  }

  /** `*` as an argument. */
  star(): unknown {
    const { raw, payload } = this.#given
    return raw ?? (isBytes(payload) ? payload : this.payload())
  }

  /** `$body` of a condition. */
  body(): unknown {
    if (this.#body === unread) this.#body = conditionBody(this.#given, () => this.payload())
    return this.#body
  }

  /** A bound of what the payload is as JSON; infinite if that is not known cheaply. Written anew, `1e20` takes five times its bytes. */
  get payloadBytes(): number {
    const { payload } = this.#given
    return isBytes(payload) ? payload.length * 6 : Number.POSITIVE_INFINITY
  }

  /** Counts elements that are looked at. ROUTE_LIMIT */
  visit(position: TextPosition): void {
    if (++this.#visits > mostVisits)
      throw ruleFaultAt('ROUTE_LIMIT', `nested queries visit more than ${mostVisits} elements`, position)
  }

  /** The answer to an external call. Throws what `MissingAnswer` says if somebody shall be asked first. ROUTE_EXTERNAL */
  ask(name: string, args: readonly unknown[], position: TextPosition): unknown {
    if (name === 'get_thing_shadow') {
      const own = this.#ownTwin(args)
      if (own) return own
    }
    const key = callKey(name, args)
    if (key === undefined) return undefined
    if (this.answers?.has(key)) return this.answers.get(key)
    const failed = (cause: unknown) => externalFailure(name, cause, position)
    const call = { name, args, message: this.message }
    if (this.answers) throw new MissingAnswer(key, call, failed)
    const { host } = this.#around
    if (!host?.answer) return undefined
    try {
      return checkedAnswer(host.answer(call))
    } catch (cause) {
      throw failed(cause)
    }
  }

  /** The classic shadow of the device that sent the message, if its twin came along. */
  #ownTwin([thing, shadow]: readonly unknown[]): unknown {
    const { twin, deviceId } = this.#given
    if (!twin?.properties || deviceId === undefined || thing !== deviceId) return undefined
    const named = typeof shadow === 'string' && shadow !== '' && !/^arn:/i.test(shadow)
    return named ? undefined : { state: twin.properties }
  }
}

/** Refuses answers over 8 KiB. */
export function checkedAnswer(answer: unknown): unknown {
  const excess = excessOf(answer, externalLimits.answerBytes)
  if (excess) throw new RangeError(`the answer is ${excess}`)
  return answer
}

const externalFailure = (name: string, cause: unknown, position: TextPosition): LoomError =>
  ruleFaultAt('ROUTE_EXTERNAL', `${name}: ${cause instanceof Error ? cause.message : String(cause)}`, position, cause)

/** An error of evaluation with its place in the rule. */
export function ruleFaultAt(
  code: 'ROUTE_LIMIT' | 'ROUTE_EXTERNAL' | 'ROUTE_TEMPLATE',
  detail: string,
  position: TextPosition,
  cause?: unknown,
): LoomError {
  return new LoomError(code, `line ${position.line} column ${position.column}: ${detail}`, {
    position,
    ...(cause !== undefined && { cause }),
  })
}
