import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { Lru } from '../../identity/lru.ts'
import type { LetterFault, Replayed } from '../../journal/journal-port.ts'
import type { Emit, Msg, NewMsg } from '../define.ts'
import { deliveries } from '../delivery.ts'
import type { Original } from './packet.ts'

/** Why something was not taken. */
export type Reason = 'undecodable' | 'schema-unknown' | 'invalid'

export interface Refused {
  original: Original
  error: LoomError
  stage: 'decode' | 'validate'
}

export interface RefusalsOptions {
  /** Keeps what is refused; without one it goes on with its notice, or fails. */
  hub?: Pick<Hub, 'journal'> | undefined
  node: string
  /** Whether somebody takes notices: wires may change while the node lives. */
  wired(): boolean
  now(): number
}

const hourMs = 3_600_000
const keysTold = 1000
const reasons: Readonly<Record<string, Reason>> = {
  CODEC_FORMAT: 'undecodable',
  CODEC_TRUNCATED: 'undecodable',
  CODEC_LIMIT: 'undecodable',
  CODEC_INVALID: 'undecodable',
  CODEC_UNBORN: 'undecodable',
  TELEMETRY_UNDECODABLE: 'undecodable',
  SCHEMA_UNKNOWN: 'schema-unknown',
  SCHEMA_NOT_FOUND: 'schema-unknown',
}

/** The reason if it is the payload that is at fault, or lacks its schema, and not something here. */
export function reasonOf(thrown: unknown): Reason | undefined {
  if (!(thrown instanceof LoomError)) return undefined
  return 'errors' in thrown ? 'invalid' : reasons[thrown.code]
}

/** What a node cannot decode: kept as dead letters that come back to it, and told. */
export class Refusals {
  readonly #o: RefusalsOptions
  readonly #told = new Lru<string, number>(keysTold)

  constructor(o: RefusalsOptions) {
    this.#o = o
  }

  /**
   * Resolves when all are on disk, `whole` message or readings of it; then its delivery, if nothing else is left of it, is done. The first is told on output 2, or thrown if nobody
   * listens there; of a schema that is unknown, once an hour.
   */
  async take(
    msg: Msg,
    refused: readonly [Refused, ...Refused[]],
    { whole, emit }: { whole: boolean; emit: Emit },
  ): Promise<void> {
    const { hub, wired } = this.#o
    if (hub) for (const one of refused) await this.#keep(hub, one, msg.replayed as Replayed | undefined)
    if (hub && whole) await deliveries.acknowledge(msg.delivery)
    const [{ error }] = refused
    const reason = reasonOf(error)!
    if (hub && reason === 'schema-unknown' && !this.#isNews(keyOf(error))) return
    if (refused.length > 1) Object.assign(error, { message: `${error.message}; ${refused.length - 1} more of the batch` })
    if (!wired()) throw error
    const { delivery, ...rest } = msg
    emit([undefined, { ...rest, ...(!hub && { delivery }), notice: reason, error: errorOf(error) } as NewMsg])
  }

  async #keep({ journal }: Pick<Hub, 'journal'>, { original, error, stage }: Refused, replayed?: Replayed): Promise<void> {
    const { node } = this.#o
    const { code, message } = error
    const { errors } = error as { errors?: LetterFault[] }
    const reason = reasonOf(error)!
    const key = reason === 'schema-unknown' ? keyOf(error) : ''
    await journal.addDeadLetter({
      ...original,
      ...{ reason, code, message, node, stage, consumer: consumerOf(node), tries: 1 },
      ...(key && { key }),
      ...(errors && { errors }),
      ...(replayed?.node === node && { letter: replayed.letter }),
    })
  }

  #isNews(key: string): boolean {
    const now = this.#o.now()
    if (now - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < hourMs) return false
    this.#told.set(key, now)
    return true
  }
}

/** The name under which a node takes its own dead letters back. */
export const consumerOf = (node: string): string => `node:${node}`

/** The fingerprint or `id:n`; empty where none is said. */
const keyOf = ({ position = '' }: LoomError): string => String(position)

function errorOf(error: LoomError): object {
  const { code, message, hint, position } = error
  const { errors } = error as { errors?: unknown }
  return {
    ...{ code, message },
    ...(hint !== undefined && { hint }),
    ...(position !== undefined && { position }),
    ...(errors !== undefined && { errors }),
  }
}
