import type { InboundPublish, PublishOutcome } from './broker-port.ts'
import type { Core } from './core.ts'
import type { Link } from './link.ts'

/** What a publish of a connection comes to: it ends here, goes to subscribers, or is kept as its topic's retained message, too. */
export type Fate = 'sunk' | 'routed' | 'retained'

/**
 * Asks the gate about a publish and takes its place among those of its connection. `release` runs once it is acknowledged and all before it were released;
 * never, if the connection ends first.
 */
export function takePublish(core: Core, link: Link, packet: InboundPublish, release: (fate: Fate) => void): void {
  const { backpressure } = core
  const { slots } = link
  const bytes = packet.payload.length
  let fate: Fate = 'sunk'
  let open = true
  // One wait is the gate's acknowledgement, the other that its outcome is known.
  const slot = slots.open(2, () => release(fate))
  backpressure.opened(bytes)
  const close = (): boolean => {
    if (!open) return false
    open = false
    return true
  }
  let outcome: PublishOutcome
  try {
    outcome = core.gate.publish(link.connection!, packet, error => {
      if (!close()) return
      if (error) link.abort('SERVER_ERROR')
      else slots.settle(slot)
      backpressure.settled(link, bytes)
    })
  } catch (error) {
    core.log('error', `a publish could not be decided: ${(error as Error).message}`)
    if (close()) backpressure.settled(link, bytes)
    link.abort('SERVER_ERROR')
    return
  }
  if (outcome === 'close' || (outcome === 'refuse' && tooManyRefused(core, link))) {
    if (close()) backpressure.settled(link, bytes)
    link.abort(outcome === 'close' ? 'CLIENT_ERROR' : 'FORBIDDEN_ACCESS')
    return
  }
  fate = fateOf(core, packet, outcome)
  slots.settle(slot)
}

function tooManyRefused(core: Core, link: Link): boolean {
  core.counts.refusedPublishes++
  if (!link.refused(core.now())) return false
  core.gate.refused({
    remoteAddress: link.origin.remoteAddress,
    clientId: link.connection!.clientId,
    reason: 'over 100 publishes a minute were refused',
    code: 'BROKER_THROTTLED',
  })
  return true
}

function fateOf({ counts, subscribed, sessions }: Core, { topic, retain }: InboundPublish, outcome: PublishOutcome): Fate {
  if (!isRouted(outcome, topic)) return 'sunk'
  counts.routed++
  if (retain && outcome === 'retain') return 'retained'
  return subscribed.match(topic) !== undefined || sessions.wants(topic) ? 'routed' : 'sunk'
}

/** Reserved topics are answered to connections, never routed: the library would hand them to offline and retained wildcards. */
export const isRouted = (outcome: PublishOutcome, topic: string): boolean =>
  (outcome === 'route' || outcome === 'retain') && !topic.startsWith('$')
