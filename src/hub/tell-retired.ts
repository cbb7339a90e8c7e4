import type { BrokerPort } from '../broker/broker-port.ts'
import { retireTopic } from '../dialects/plain/topics.ts'
import type { Decommission, StepReport } from './decommission.ts'

const answerWithinMs = 500

/**
 * Tells a connected device on `devices/{device}/retire` that it is retired, so that it can erase itself; its acknowledgement is waited for, but not long: it is on its
 * way out. Azure devices have no topic for it.
 */
export async function tellRetired(o: {
  broker: Pick<BrokerPort, 'connectionsOf' | 'send'>
  doc: Decommission
  schedule(ms: number, fn: () => void): () => void
}): Promise<Omit<StepReport, 'at'>> {
  const { device, at, reason } = o.doc
  const listening = o.broker.connectionsOf(device).filter(({ principal }) => principal.family === 'thing')
  if (!listening.length) return { step: 'tell', result: 'none' }
  const message = {
    topic: retireTopic(device),
    payload: JSON.stringify({ at, ...(reason !== undefined && { reason }) }),
    qos: 1,
  } as const
  let count = 0
  const answers = listening.map(({ id }) =>
    o.broker.send(id, message).then(
      () => void count++,
      () => {},
    ),
  )
  let stop = (): void => {}
  const limit = new Promise<void>(resolve => (stop = o.schedule(answerWithinMs, resolve)))
  await Promise.race([Promise.all(answers), limit])
  stop()
  return count ? { step: 'tell', result: 'done', count } : { step: 'tell', result: 'unanswered' }
}
