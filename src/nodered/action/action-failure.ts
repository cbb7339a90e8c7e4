import { randomUUID } from 'node:crypto'
import { type ErrorData, errorData, errorOf } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { failureReport } from '../../routing/action/failure-report.ts'
import type { NewMsg } from '../define.ts'
import { bytesOf, type Item, readingStage } from '../route/intake.ts'

/** An item whose action was given up. */
export interface ActionFailure {
  item: Item
  error: ErrorData
  /** The status that the endpoint answered with. */
  status?: number
  /** its dead letter */
  letter?: number
}

/** What the failure output tells of one, in the form of AWS's error actions. */
export function reportOf(
  base: NewMsg,
  { item, error, status, letter }: ActionFailure,
  o: { kind: 'webhook' | 'republish'; resource: string; rule?: string | undefined; source: object },
): NewMsg {
  const { topic, traceId, clientId, deviceId, raw } = item.message
  const payload = failureReport({
    ...{ rule: o.rule, topic, traceId: traceId ?? randomUUID(), clientId: clientId ?? deviceId },
    payload: bytesOf(raw ?? item.payload),
    failures: [
      { failedAction: o.kind === 'webhook' ? 'Webhook' : 'Republish', failedResource: o.resource, errorMessage: error.message },
    ],
  })
  return {
    ...base,
    ...item.reading,
    payload,
    error: { ...error, source: o.source },
    ...(status !== undefined && { statusCode: status }),
    ...(letter !== undefined && { letter }),
  }
}

/** All of them as the one error that a message can have. */
export function oneError([{ error }, ...more]: readonly [ActionFailure, ...ActionFailure[]]): Error {
  const first = errorOf(error)
  return more.length ? Object.assign(first, { message: `${error.message}; ${more.length} more failures` }) : first
}

/** What no action could be made of becomes a dead letter of the node, or stays the one that it is; without a hub there is none. */
export async function keepUnmade(
  item: Item,
  thrown: unknown,
  o: { hub?: Pick<Hub, 'journal'> | undefined; node: string; rule?: string | undefined },
): Promise<ActionFailure> {
  const error = errorData(thrown)
  const { hub, node, rule } = o
  if (!hub) return { item, error }
  const { id: letter } = await hub.journal.addDeadLetter({
    ...item.original(),
    reason: item.fault ? 'invalid' : 'evaluation',
    ...{ code: error.code, message: error.message, consumer: `node:${node}`, node, tries: 1 },
    stage: item.fault ? readingStage : 'action',
    ...(rule !== undefined && { rule }),
    ...(item.replayed?.node === node && { letter: item.replayed.letter }),
  })
  return { item, error, letter }
}
