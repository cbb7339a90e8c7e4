import { Aedes, type AedesOptions } from 'aedes'
import type { Duplex } from 'node:stream'
import { LoomError } from '../errors.ts'
import { type Core, connectBytes } from './core.ts'
import { decideConnect } from './handshake.ts'
import type { LibraryClient, LibraryConnect, LibraryPacket } from './library.ts'
import {
  authorizePublish,
  authorizeSubscribe,
  forward,
  linkOf,
  publishWill,
  revoke,
  ruleSubscribe,
  setLink,
  sinkTopic,
  takeLanePublish,
} from './library-hooks.ts'
import { libraryPersistence } from './library-persistence.ts'
import { Link, type Origin } from './link.ts'
import { guardParser } from './packet-guard.ts'
import { PublishLane } from './publish-lane.ts'
import { Reader } from './reader.ts'

const openInboundQos2 = 20

/** The library with every hook bound. */
export function createLibrary(core: Core): Aedes {
  const { sessions, retained, now, limits, gate } = core
  const options = {
    // Above 0, messages queued in its emitter are released recursively when a busy subscriber leaves, and the stack overflows.
    concurrency: 0,
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    maxInflightInbound: openInboundQos2,
    // Session keys are longer than the 23 characters of MQTT 3.1.
    maxClientsIdLength: 65_535,
    persistence: libraryPersistence({ sessions, retained, now, linkOf }),
    preConnect: (client: LibraryClient, packet: LibraryConnect, done: (error: Error | null, go: boolean) => void) => {
      const link = linkOf(client)
      decideConnect(core, link, packet).then(
        go => {
          if (!go) return
          openOutbound(core, link)
          done(null, true)
        },
        error => fail(core, link, error),
      )
    },
    authorizePublish: (client: LibraryClient, packet: LibraryPacket, done: (error?: Error | null) => void) =>
      authorizePublish(core, linkOf(client), packet, done),
    authorizeSubscribe: (
      client: LibraryClient,
      subscription: { topic: string; qos: number },
      done: (error: Error | null, granted: { topic: string; qos: number } | null) => void,
    ) => authorizeSubscribe(core, linkOf(client), subscription, done),
    authorizeForward: (client: LibraryClient, packet: LibraryPacket) => forward(core, linkOf(client), packet),
  }
  const library = new Aedes(options as unknown as AedesOptions)

  // What was sunk ends here: routing it to nobody costs as much as routing it.
  const { publish } = library as unknown as { publish: (...given: unknown[]) => void }
  // A connection that closes during its CONNECT would be registered later all the same, and one taken over would unregister its successor.
  const { registerClient, unregisterClient, clients } = library as unknown as {
    registerClient(client: LibraryClient): void
    unregisterClient(client: LibraryClient): void
    clients: Record<string, LibraryClient>
  }
  Object.assign(library, {
    publish(packet: LibraryPacket, client: unknown, done?: () => void) {
      if (packet.topic !== sinkTopic) return publish.call(library, packet, client, done)
      const finished = typeof client === 'function' ? (client as () => void) : done
      finished?.()
    },
    registerClient(client: LibraryClient) {
      if (!client.closed) registerClient.call(library, client)
    },
    unregisterClient(client: LibraryClient) {
      if (clients[client.id] === client) unregisterClient.call(library, client)
    },
  })

  library.on('error' as 'closed', ((error: Error) => core.log('error', `broker: ${error.message}`)) as () => void)
  const failed = (client: unknown, error: Error): void => fail(core, linkOf(client as LibraryClient), error)
  library.on('clientError', failed)
  library.on('connectionError', failed)
  library.on('keepaliveTimeout', client => {
    linkOf(client as unknown as LibraryClient).reason ??= 'MQTT_KEEP_ALIVE_TIMEOUT'
  })
  library.on('unsubscribe', (filters, client) => {
    const link = linkOf(client as unknown as LibraryClient)
    if (link.client.closed) return
    for (const filter of filters) if (revoke(core, link, filter)) gate.unsubscribed?.(link.connection!, filter)
  })
  return library
}

/** Hands a byte stream to the library, with our reading, guard and delivery in place of its own. */
export function accept(core: Core, library: Aedes, conn: Duplex, origin: Origin): Link {
  const ownEnd = conn.listeners('end')
  const client = library.handle(conn) as unknown as LibraryClient
  const link = new Link({ client, origin, limitBytes: connectBytes })
  setLink(client, link)
  core.links.add(link)
  conn.once('close', () => end(core, link))
  client.duplicates = noDuplicates(library.id)
  guardParser(client._parser, {
    limitBytes: () => link.limitBytes,
    mayStart: isPublish => mayStart(core, link, isPublish),
  })
  const lane = new PublishLane()
  link.reader = new Reader({
    client,
    takeSome: chunk => publishesOf(core, link, lane, chunk),
    ownEnd,
    stopped: () => link.blocked || link.ending || client.closed,
    failed: error => fail(core, link, error),
  })
  client._parser.prependListener('packet', packet => {
    if (packet.cmd === 'subscribe' && link.phase === 'open') ruleSubscribe(core, link, packet)
  })
  client.once('connected', () => opened(core, link))
  return link
}

/** Takes the publishes at the start of a chunk, as far as they need nothing of the library; returns where the rest begins. */
function publishesOf(core: Core, link: Link, lane: PublishLane, chunk: Buffer): number {
  if (link.phase !== 'open') return 0
  const { payloadBytes } = core.limits
  let at = 0
  while (at < chunk.length) {
    const packet = lane.read(chunk, at, payloadBytes)
    if (!packet || !mayStart(core, link, true)) break
    at = packet.end
    takeLanePublish(core, link, packet)
  }
  if (at) link.client._keepaliveTimer?.refresh()
  return at
}

/** After the CONNECT nothing is read until its CONNACK was written: the library would act on it undecided. */
function mayStart({ backpressure }: Core, link: Link, isPublish: boolean): boolean {
  if (link.ending || link.stopping || link.conn.destroyed) return false
  if (link.phase === 'first') {
    link.phase = 'handshake'
    return true
  }
  if (link.phase === 'open' && (!isPublish || backpressure.admits(link))) return true
  link.blocked = true
  return false
}

function openOutbound({ gate, now, counts }: Core, link: Link): void {
  const { client } = link
  const connection = link.connection!
  link.openOutbound({
    now,
    forward: topic => gate.forward(connection, topic),
    extraRoom: () => gate.extraRoom?.(connection) ?? 0,
    waitForDrain: done => client.waitForDrain(done),
    tooSlow: () => link.abort('THROTTLED'),
    delivered: () => void counts.delivered++,
    dropped: () => void counts.dropped++,
    lost: () => void counts.dropped++,
  })
}

/** CONNACK 0 was written. */
function opened(core: Core, link: Link): void {
  if (link.ending) return
  link.phase = 'open'
  core.links.opened(link)
  try {
    core.gate.connected(link.connection!)
    link.outbound!.pump()
  } catch (error) {
    fail(core, link, error)
    return
  }
  link.blocked = link.stopping
  link.reader.read()
}

/** The socket is closed. */
function end(core: Core, link: Link): void {
  const { gate, links, backpressure, sessions, wills, now } = core
  link.ending = true
  backpressure.forget(link)
  link.slots.close()
  link.outbound?.close()
  links.remove(link)
  for (const filter of link.filters.keys()) revoke(core, link, filter)
  if (link.session) sessions.detach(link.session, now())
  link.reason ??= link.client._disconnected ? 'CLIENT_INITIATED_DISCONNECT' : 'CONNECTION_LOST'
  if (link.connection && link.will) {
    if (link.phase === 'open' && link.reason !== 'CLIENT_INITIATED_DISCONNECT') publishWill(core, link.connection, link.will)
    else wills.forget(link.connection.id)
  }
  if (link.phase === 'open') gate.disconnected(link.connection!, link.reason)
  link.ended()
}

/** A connection broke, or broke the protocol: it is closed, the broker goes on. */
function fail({ gate, log, counts }: Core, link: Link | undefined, error: unknown): void {
  if (!link) return
  const { message, code } = error as Error & { code?: string }
  const told = link.reported || link.ending || link.reason !== undefined
  if (error instanceof LoomError && !error.code.startsWith('BROKER_')) {
    log('error', `a connection was closed: ${message}`)
    link.abort('SERVER_ERROR')
    return
  }
  if (message === 'drain timeout') {
    link.abort('THROTTLED')
    return
  }
  if (!(error instanceof LoomError) && code !== undefined && !code.startsWith('WS_ERR')) {
    link.abort('CONNECTION_LOST')
    return
  }
  if (!told) {
    link.reported = true
    if (link.phase !== 'open') counts.refusedConnects++
    gate.refused({
      remoteAddress: link.origin.remoteAddress,
      reason: message,
      code: error instanceof LoomError ? error.code : 'BROKER_PROTOCOL',
      ...(link.connection && { clientId: link.connection.clientId }),
    })
  }
  link.abort('CLIENT_ERROR')
}

/**
 * The library takes a packet for a duplicate when one with a higher number was delivered before. QoS 0 overtakes QoS 1 on its way through
 * the routing, so messages would get lost; `Link.routedTwice` looks for duplicates instead.
 */
const noDuplicates = (brokerId: string): object =>
  Object.defineProperty(Object.create(null), brokerId, { enumerable: true, get: () => 0, set() {} })
