import type { InboundPublish, PublishOutcome } from './broker-port.ts'
import type { Core } from './core.ts'
import type { LibraryClient, LibraryPacket } from './library.ts'
import { isRouted, takePublish } from './inbound.ts'
import { noFilter } from './library-persistence.ts'
import type { Link } from './link.ts'
import type { LanePublish } from './publish-lane.ts'
import { LoomError } from '../errors.ts'

/** Where a publish ends that is not routed: the library acknowledges it as usual, and nobody may subscribe below `$SYS`. */
export const sinkTopic = '$SYS/loom/sink'
const nothing = Buffer.alloc(0)

export const sink = (packet: LibraryPacket): void => {
  packet.topic = sinkTopic
  packet.retain = false
  packet.payload = nothing
}

type Done = (error?: Error | null) => void

/** A publish of a connection. The library writes the PUBACK when `done` is called, so that is done from the head of the connection's slots. */
export function authorizePublish(core: Core, link: Link, packet: LibraryPacket, done: Done): void {
  const { limits, counts } = core
  const { connection, slots } = link
  if (!connection || link.ending) return
  counts.received++
  const bytes = packet.payload.length
  if (bytes > limits.payloadBytes) {
    done(
      new LoomError('BROKER_PACKET_TOO_LARGE', `${packet.topic.slice(0, 100)} carries ${bytes} bytes`, {
        hint: `at most ${limits.payloadBytes}`,
      }),
    )
    return
  }
  if (packet.qos === 2) {
    // Repeated before its PUBREL: the first one counts [MQTT-4.3.3-2]. The library asks for each.
    if (link.inbound.has(packet.messageId!)) {
      sink(packet)
      slots.settle(slots.open(1, done))
      return
    }
    link.inbound.set(packet.messageId!, 'new')
  }

  takePublish(core, link, inboundOf(packet, false), fate => {
    link.pubacks.flush()
    if (fate === 'sunk') sink(packet)
    else packet.retain = fate === 'retained'
    if (packet.retain) core.retained.expect(packet.topic, connection.principal.deviceId)
    if (fate === 'sunk' && packet.qos === 1) acknowledge(link, packet, done)
    else done()
  })
}

/** The PUBACK of a publish that ends here: the library's way costs three writes, and its routing to nobody on top. */
function acknowledge({ client, conn, pubacks }: Link, packet: LibraryPacket, done: Done): void {
  if (!client.connected || conn.destroyed) {
    done(new Error('connection closed'))
    return
  }
  pubacks.add(packet.messageId!)
  packet.qos = 0
  done()
}

/** A publish that was read without the library. */
export function takeLanePublish(core: Core, link: Link, packet: LanePublish): void {
  const { topic, payload, qos, id } = packet
  core.counts.received++
  takePublish(core, link, packet, fate => {
    if (qos) link.pubacks.add(id)
    if (fate === 'sunk') return
    // As the library does: first the PUBACK, then the subscribers.
    link.pubacks.flush()
    core.route({ topic, payload, qos, retain: false }, error => void (error && link.client.emit('error', error)))
  })
}

/** The will of a connection that ended, or that a crash left behind. */
export function publishWill(core: Core, connection: NonNullable<Link['connection']>, will: NonNullable<Link['will']>): void {
  const { gate, backpressure, counts, wills } = core
  const bytes = will.payload.length
  const packet: LibraryPacket = { cmd: 'publish', ...will, payload: Buffer.from(will.payload), dup: false }
  let outcome: PublishOutcome | undefined
  let acknowledged = false
  backpressure.opened(bytes)
  const finish = (): void => {
    if (!outcome || !acknowledged) return
    wills.forget(connection.id)
    if (!isRouted(outcome, will.topic)) return
    counts.routed++
    const retain = will.retain && outcome === 'retain'
    if (retain) core.retained.expect(will.topic, connection.principal.deviceId)
    core.route({ ...will, qos: will.qos ? 1 : 0, retain })
  }
  let open = true
  const settle = (): void => {
    if (open) backpressure.settled(undefined, bytes)
    open = false
  }
  try {
    outcome = gate.publish(connection, inboundOf(packet, true), error => {
      settle()
      acknowledged = !error
      finish()
    })
    if (outcome === 'close') {
      settle()
      acknowledged = true
    }
    finish()
  } catch (error) {
    settle()
    core.log('error', `a will could not be published: ${(error as Error).message}`)
  }
}

const inboundOf = ({ topic, payload, qos, retain, dup }: LibraryPacket, will: boolean): InboundPublish => ({
  topic,
  payload,
  qos,
  retain,
  dup,
  will,
})

/**
 * Decides the filters of a SUBSCRIBE before the library sees it: its SUBACK repeats the QoS that is in the packet, whatever is granted
 * later, so the granted one is written there.
 */
export function ruleSubscribe(core: Core, link: Link, packet: LibraryPacket): void {
  link.rulings = new Map()
  for (const subscription of packet.subscriptions ?? []) {
    const granted = rule(core, link, subscription.topic, subscription.qos)
    link.rulings.set(subscription.topic, granted)
    if (granted === 128) continue
    subscription.qos = granted
    grant(core, link, subscription.topic, granted)
  }
}

function rule({ gate, limits }: Core, link: Link, filter: string, qos: number): 0 | 1 | 128 {
  // The library takes `$share` literally, and `$SYS` is its own.
  if (filter.startsWith('$SYS') || filter.startsWith('$share/')) return 128
  const connection = link.connection!
  const most = limits.subscriptions + (gate.extraRoom?.(connection) ?? 0)
  if (!link.filters.has(filter) && link.filters.size >= most) return 128
  return gate.subscribe(connection, filter, qos as 0 | 1 | 2)
}

function grant({ subscribed }: Core, link: Link, filter: string, qos: 0 | 1): void {
  link.filters.set(filter, qos)
  subscribed.add(filter, link.connection!.id, qos)
}

/** Takes back one filter of a connection; false if it had none such. */
export function revoke({ subscribed }: Core, link: Link, filter: string): boolean {
  subscribed.remove(filter, link.connection?.id ?? '')
  return link.filters.delete(filter)
}

export function authorizeSubscribe<T extends { topic: string; qos: number }>(
  core: Core,
  link: Link,
  subscription: T,
  done: (error: Error | null, granted: T | null) => void,
): void {
  const { topic, qos } = subscription
  if (link.phase === 'open') {
    done(null, link.rulings.get(topic) === 128 ? null : subscription)
    return
  }
  // A stored filter: what was granted may be forbidden by now. It stays stored, but nothing is queued for it.
  if (topic === noFilter || !link.session) {
    done(null, null)
    return
  }
  const granted = rule(core, link, topic, qos)
  core.sessions.activate(link.session, topic, granted === 128 ? -1 : granted)
  if (granted === 128) {
    done(null, null)
    return
  }
  grant(core, link, topic, granted)
  done(null, { ...subscription, qos: granted })
}

/**
 * A routed or retained message for a connection. The answer to the library is always no: `Outbound` sends it, with the QoS capped at 1, under
 * our packet ids and within the window.
 */
export function forward({ gate, now }: Core, link: Link, packet: LibraryPacket): null {
  const { outbound, queue, connection } = link
  if (link.phase !== 'open' || !outbound || packet.topic.startsWith('$')) return null
  if (!packet.retain && link.routedTwice(packet.brokerCounter!)) return null
  const qos = packet.qos === 0 ? 0 : Math.min(1, link.qosOf(packet.topic))
  const { topic, payload, retain } = packet
  // Routed messages of a persistent session are in its queue already.
  if (qos && (retain || !link.session)) queue!.push({ topic, payload, retain, at: now(), stored: '', id: 0 })
  if (qos) outbound.pump()
  else if (gate.forward(connection!, topic)) outbound.write0(topic, payload, retain)
  return null
}

/** The link of a client of the library. */
export const linkOf = (client: LibraryClient): Link => (client as LibraryClient & { [linkKey]: Link })[linkKey]
export const setLink = (client: LibraryClient, link: Link): void => {
  ;(client as LibraryClient & { [linkKey]: Link })[linkKey] = link
}
const linkKey = Symbol('link')
