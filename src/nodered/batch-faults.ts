import type { Fault } from '../telemetry/message.ts'
import { deliveries } from './delivery.ts'

/**
 * Ends the delivery of a batch whose healthy readings were taken: the records of the others become dead letters. Then throws the first fault, whose message says
 * how many more there are.
 */
export async function endFaulty(delivery: unknown, faults: readonly Fault[], node: string): Promise<never> {
  const [{ error }] = faults as [Fault]
  const { code, message } = error
  const seqs = faults.flatMap(({ jseq }) => (jseq === undefined ? [] : [jseq]))
  await deliveries.acknowledge(delivery, { seqs: [...new Set(seqs)], code, message, node })
  throw faults.length === 1
    ? error
    : Object.assign(error, { message: `${message}; ${faults.length - 1} more items of the batch are no readings` })
}
