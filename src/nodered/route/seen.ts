import { withoutSecrets } from '../../errors.ts'
import { outputBytes } from '../../routing/output-size.ts'
import { decodedPayload } from '../../routing/payload.ts'
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
  /** Its bytes are in `payloadBase64`, texts have no secrets in them. */
  message: Omit<RuleMessage, 'payload' | 'raw' | 'mqtt'> & { payload?: unknown; payloadBase64?: string }
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

function copyOf({ payload, raw: _, twin, mqtt: __, ...rest }: RuleMessage, matched: string[], at: number): SeenMessage {
  const isLarge = (value: unknown): boolean => outputBytes(value, largestBytes) > largestBytes
  const message = plain({ ...rest, ...(!isLarge(twin) && { twin }) }) as SeenMessage['message']
  if (isLarge(payload)) return { at, matched, message, tooLarge: true }
  const value = decodedPayload(payload)
  if (ArrayBuffer.isView(value)) message.payloadBase64 = Buffer.from(withoutSecretsIn(bytesOf(value))).toString('base64')
  else message.payload = plain(value)
  return { at, matched, message }
}

function withoutSecretsIn(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1')
  const open = withoutSecrets(text)
  return open === text ? bytes : Buffer.from(open, 'latin1')
}

/** A copy whose texts tell no secrets. */
const plain = (value: unknown): unknown =>
  JSON.parse(jsonText(value), (_, member) => (typeof member === 'string' ? withoutSecrets(member) : member))
