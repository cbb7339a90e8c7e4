import { outputBytes } from '../../routing/output-size.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { bytesOf, type Item, jsonText } from './intake.ts'

const kept = 20
const largestBytes = 16_384

/** A message that rules looked at, in the form in which they can look at it again. */
export interface SeenMessage {
  /** epoch ms */
  at: number
  /** Names of the rules that matched. */
  matched: string[]
  /** Its bytes are in `payloadBase64`, its twin and raw bytes left out. */
  message: Omit<RuleMessage, 'payload' | 'raw' | 'twin' | 'mqtt'> & { payload?: unknown; payloadBase64?: string }
  /** The payload is larger than what is kept. */
  tooLarge?: true
}

/** The last messages that a node saw. When there are many a second, some of them: a copy costs more than a rule. */
export class Seen {
  readonly #messages: SeenMessage[] = []
  #second = 0
  #taken = 0

  add({ message }: Item, matched: readonly string[], at: number): void {
    const second = Math.floor(at / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#taken = 0
    }
    if (this.#taken++ >= kept) return
    this.#messages.push(copyOf(message, [...matched], at))
    if (this.#messages.length > kept) this.#messages.shift()
  }

  /** The newest first. */
  get messages(): readonly SeenMessage[] {
    return this.#messages.toReversed()
  }
}

function copyOf({ payload, raw: _, twin: __, mqtt: ___, ...rest }: RuleMessage, matched: string[], at: number): SeenMessage {
  const message = JSON.parse(jsonText(rest)) as SeenMessage['message']
  if (outputBytes(payload, largestBytes) > largestBytes) return { at, matched, message, tooLarge: true }
  if (ArrayBuffer.isView(payload)) message.payloadBase64 = Buffer.from(bytesOf(payload)).toString('base64')
  else message.payload = JSON.parse(jsonText(payload))
  return { at, matched, message }
}
