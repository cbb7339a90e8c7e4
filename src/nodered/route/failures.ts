import { randomUUID } from 'node:crypto'
import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { failureReport } from '../../routing/action/failure-report.ts'
import type { NewMsg } from '../define.ts'
import { bytesOf, type Item, readingStage } from './intake.ts'

/** What a rule could not do with an item; without a rule, why no rule could look at it. */
export interface Failure {
  item: Item
  rule?: string
  error: Error
}

/** Where failures are kept and come back to. */
export interface LetterBox {
  hub: Pick<Hub, 'journal'>
  /** durable consumer that takes replays */
  consumer: string
  node: string
}

/** Resolves when all are on disk, each as a dead letter of its own; one of this node whose replay failed stays the same letter. */
export async function keepFailures({ hub, consumer, node }: LetterBox, failures: readonly Failure[]): Promise<void> {
  await Promise.all(
    failures.map(({ item, rule, error }) => {
      const { code, message } = coded(error)
      return hub.journal.addDeadLetter({
        ...item.original(),
        reason: item.fault ? 'invalid' : code === 'ROUTE_LOOP' ? 'loop' : 'evaluation',
        code,
        message,
        consumer,
        node,
        stage: item.fault ? readingStage : 'route',
        tries: 1,
        ...(rule !== undefined && { rule }),
        ...(item.replayed?.node === node && { letter: item.replayed.letter }),
      })
    }),
  )
}

interface Sender {
  id: string
  type: string
  name?: string
}

/** Failures of one rule on one item, in the form of AWS's error actions. */
export function reportOf(base: NewMsg, failures: readonly [Failure, ...Failure[]], source: Sender, at: number): NewMsg {
  const [{ item, rule = '', error }] = failures
  const { topic, clientId, traceId, deviceId } = item.message
  const { code, message, hint, position } = coded(error)
  const payload = failureReport({
    ...{ rule, topic, traceId: traceId ?? randomUUID(), clientId: clientId ?? deviceId },
    payload: bytesOf(item.message.raw ?? item.payload),
    failures: failures.map(each => ({ failedAction: 'Rule', failedResource: rule, errorMessage: each.error.message })),
  })
  return {
    ...base,
    ...item.reading,
    payload,
    rule: { name: rule, at },
    error: { message, code, source, ...(hint !== undefined && { hint }), ...(position !== undefined && { position }) },
  }
}

/** All of them as the one error that a message can have. */
export function oneError(failures: readonly [Failure, ...Failure[]]): Error {
  const [{ rule, error }] = failures
  const of = rule === undefined ? '' : `${rule}: `
  const others = failures.length > 1 ? `; ${failures.length - 1} more failures` : ''
  return of || others ? Object.assign(error, { message: `${of}${error.message}${others}` }) : error
}

const coded = (error: Error): LoomError =>
  error instanceof LoomError ? error : new LoomError('NODE_FAULT', error.message, { cause: error })
