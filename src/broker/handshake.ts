import { randomBytes, randomUUID } from 'node:crypto'
import type { Admission, ConnectHello } from './broker-port.ts'
import { type Core, headerBytes } from './core.ts'
import type { LibraryConnect } from './library.ts'
import type { Link } from './link.ts'

/** IoT Hub's ceiling, for clients that ask for no limit. */
const longestKeepAliveS = 1767
const maxClientId = 256
const refusalLingerMs = 1000

/** Connection ids are unique across restarts. */
const boot = randomBytes(6).toString('hex')
let connections = 0

/**
 * Decides a CONNECT completely before the library acts on it: who it is, which session it takes over, what is left of the packet. True:
 * the library goes on with the rewritten packet. False: it was refused with a CONNACK, or the connection is gone.
 */
export async function decideConnect(core: Core, link: Link, packet: LibraryConnect): Promise<boolean> {
  const { gate, now, log, links, limits, sessions, wills, takeovers, connects } = core
  const { listener, remoteAddress, dialled, certificate } = link.origin
  const refuse = (connack: 1 | 2 | 3 | 4 | 5, reason: string, code?: string): false => {
    if (link.ending) return false
    core.counts.refusedConnects++
    gate.refused({ remoteAddress, clientId: packet.clientId, reason, ...(code && { code }) })
    writeRefusal(link, connack)
    return false
  }

  if (packet.protocolVersion > 4) return refuse(1, 'MQTT 5 is not spoken here, MQTT 3.1.1 is', 'BROKER_PROTOCOL')
  let generatedId: true | undefined
  if (!packet.clientId) {
    if (!packet.clean) return refuse(2, 'an empty client id needs a clean session', 'BROKER_PROTOCOL')
    packet.clientId = `auto-${randomUUID()}`
    generatedId = true
  }
  if (packet.clientId.length > maxClientId)
    return refuse(2, `a client id has at most ${maxClientId} characters`, 'BROKER_PROTOCOL')
  const { will } = packet
  if (will && (!will.topic || /[+#]/.test(will.topic) || will.qos > 2))
    return refuse(5, 'the topic or QoS of the will is not valid', 'BROKER_PROTOCOL')

  const hello: ConnectHello = {
    clientId: packet.clientId,
    clean: packet.clean,
    keepAliveS: packet.keepalive,
    listener,
    remoteAddress,
    ...(dialled !== undefined && { dialled }),
    ...(generatedId && { generatedId }),
    ...(packet.username !== undefined && { username: packet.username }),
    ...(packet.password !== undefined && { password: packet.password }),
    ...(certificate && { certificate }),
    ...(will && { will }),
  }
  let admission: Admission
  try {
    admission = await gate.connect(hello)
  } catch (error) {
    log('error', `a CONNECT could not be decided: ${(error as Error).message}`)
    return refuse(3, 'the CONNECT could not be decided', 'NODE_FAULT')
  }
  if (link.ending) return false
  if (!admission.admit) {
    // The gate has told the reason already: it is its own.
    core.counts.refusedConnects++
    writeRefusal(link, admission.connack)
    return false
  }

  const { principal, sessionKey, expiresAt, willAllowed } = admission
  const { deviceId } = principal
  const before = links.holder(sessionKey)
  if (takeovers.held(sessionKey, now())) return refuse(3, 'CONFLICTING_CLIENT_ID: the id is on hold', 'BROKER_THROTTLED')
  if (deviceId) {
    const most = limits.connectionsPerDevice
    if (most && links.countBeside(sessionKey, deviceId) >= most)
      return refuse(3, `${deviceId} has ${most} connections already`, 'BROKER_THROTTLED')
    if (!connects.take(deviceId, now())) return refuse(3, `${deviceId} connects too often`, 'BROKER_THROTTLED')
  }
  if (
    before?.connection &&
    takeovers.conflict(
      sessionKey,
      { fingerprint: before.connection.principal.fingerprint, remoteAddress: before.origin.remoteAddress },
      { fingerprint: principal.fingerprint, remoteAddress },
      now(),
    )
  )
    return refuse(3, 'CONFLICTING_CLIENT_ID: several devices use this id', 'BROKER_THROTTLED')

  const clean = packet.clean || admission.clean === true
  const connection = {
    id: `${boot}-${(++connections).toString(36)}`,
    clientId: packet.clientId,
    sessionKey,
    principal,
    listener,
    remoteAddress,
    ...(dialled !== undefined && { dialled }),
    clean,
    since: now(),
  }
  link.connection = connection
  await links.claim(link, sessionKey)
  if (link.ending) return false
  try {
    if (clean) await sessions.remove(sessionKey)
    else link.session = sessions.open(sessionKey, deviceId, now())
    if (will && willAllowed) {
      await wills.keep(connection, will)
      link.will = will
    }
  } catch (error) {
    log('error', `the session of a CONNECT could not be stored: ${(error as Error).message}`)
    return refuse(3, 'the session store does not answer', 'STORE_CLOSED')
  }
  if (link.ending) {
    if (link.session) sessions.detach(link.session, now())
    if (link.will) wills.forget(connection.id)
    return false
  }

  if (expiresAt !== undefined) link.expiresAt = expiresAt
  link.limitBytes = core.limits.payloadBytes + headerBytes
  packet.clientId = sessionKey
  packet.clean = clean
  packet.keepalive ||= longestKeepAliveS
  // Wills are published by the broker itself, through the gate.
  delete packet.will
  return true
}

/** The refusal is always written before the connection closes: silence looks like a network fault and is retried at once [MQTT-3.2.2-4]. */
function writeRefusal(link: Link, connack: number): void {
  link.reported = true
  link.ending = true
  const { conn } = link
  conn.end(Buffer.from([0x20, 2, 0, connack]))
  // Destroyed at once, unread bytes would make the system send a reset that can overtake the CONNACK.
  link.reader.discard()
  const linger = setTimeout(() => conn.destroy(), refusalLingerMs).unref()
  conn.once('close', () => clearTimeout(linger))
}
