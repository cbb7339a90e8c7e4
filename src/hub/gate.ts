import type {
  Admission,
  BrokerGate,
  ConnectHello,
  Connection,
  InboundPublish,
  Principal,
  PublishOutcome,
} from '../broker/broker-port.ts'
import type { Family } from '../dialects/dialect.ts'
import { classifyTopic, refuseRequest, ruleFilter } from '../dialects/topic-table.ts'
import { readConnect } from '../dialects/connect.ts'
import { LoomError } from '../errors.ts'
import type { Authenticator } from '../identity/authenticate.ts'
import { decideTopic } from '../identity/policy.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { ConnectionRecords } from '../telemetry/record.ts'
import type { HubEvent } from './hub.ts'
import type { Ingest } from './ingest.ts'
import type { Presence } from './presence.ts'

export interface GateParts {
  authenticator: Authenticator
  ingest: Ingest
  presence: Presence
  allowAnonymous: boolean
  now: () => number
  emit(event: HubEvent): void
  /** Writes an answer to a connection; failures are the broker's to count. */
  answer(connectionId: string, message: { topic: string; payload: string; qos: 0 | 1 }): void
  /** Still what it was at CONNECT: enabled, the same generation, the credential active. */
  stillWelcome(connection: Connection): Promise<boolean>
  disconnect(connection: Connection): void
  delay(ms: number): Promise<void>
}

/** Everything the broker asks: who may connect, what a publish is and when it counts as accepted, which filters are granted. */
export function createGate(parts: GateParts): BrokerGate {
  const { authenticator, presence, now, emit } = parts

  const connect = async (hello: ConnectHello): Promise<Admission> => {
    const refuse = (connack: 1 | 2 | 3 | 4 | 5, reason: string, code = 'CRED_INVALID', device?: string): Admission => {
      emit({ type: 'security', at: now(), code, message: reason, address: hello.remoteAddress, ...(device && { device }) })
      return { admit: false, connack, reason }
    }
    const clientId = hello.generatedId ? '' : hello.clientId
    const form = readConnect({ clientId, ...(hello.username !== undefined && { username: hello.username }) })
    if ('error' in form) return refuse(form.returnCode, form.error)
    const loopbackPlaintext = (hello.listener === 'mqtt' || hello.listener === 'ws') && isLoopback(hello.remoteAddress)
    const result = await authenticator.authenticate({
      ...form,
      clientId,
      clean: hello.clean,
      remoteAddress: hello.remoteAddress,
      loopbackPlaintext,
      allowAnonymous: parts.allowAnonymous,
      ...(hello.password && { password: hello.password }),
      ...(hello.certificate && { certificate: hello.certificate }),
    })
    if (!result.ok) {
      if (result.delayMs) await parts.delay(result.delayMs)
      return refuse(result.connack, result.reason, result.code, form.deviceId)
    }
    const { deviceId, module, cid, kind, expiresAt } = result
    const principal = {
      deviceId,
      family: form.family,
      cid,
      kind,
      ...(module !== undefined && { module }),
      ...(hello.certificate && { fingerprint: hello.certificate.fingerprint }),
    }
    const ruling =
      hello.will && classifyTopic(form.family, hello.will.topic, { deviceId, ...(module !== undefined && { module }) })
    return {
      admit: true,
      principal,
      sessionKey: `${form.family}|${hello.clientId}`,
      willAllowed:
        ruling !== undefined &&
        (ruling.kind === 'telemetry' || (ruling.kind === 'ordinary' && may('publish', form.family, deviceId, hello.will!.topic))),
      ...(expiresAt !== undefined && { expiresAt }),
    }
  }

  const records = new WeakMap<Connection, ConnectionRecords>()
  const recordsOf = (connection: Connection): ConnectionRecords => {
    let found = records.get(connection)
    if (!found) {
      const { principal, clientId, remoteAddress, id } = connection
      found = new ConnectionRecords({ clientId, principal: principal.cid, sourceIp: remoteAddress, connectionId: id })
      records.set(connection, found)
    }
    return found
  }

  const append = (
    connection: Connection,
    envelope: Envelope,
    packet: InboundPublish,
    acknowledge: (error?: LoomError) => void,
  ): void => {
    // QoS 0 waits for the commit too, so that a fast sender is slowed; but its loss is no reason to close the connection.
    const committed = packet.qos > 0 ? acknowledge : () => acknowledge()
    parts.ingest({ envelope, context: recordsOf(connection), dup: packet.dup }, committed)
  }

  const publish = (connection: Connection, packet: InboundPublish, acknowledge: (error?: LoomError) => void): PublishOutcome => {
    const { principal } = connection
    const { deviceId, module } = principal
    const family = principal.family as Family
    // In the clouds a QoS 2 publish closes the connection, and SDKs rely on no more than QoS 1.
    if (packet.qos === 2 && (family !== 'thing' || packet.topic.startsWith('$'))) return 'close'
    const me = module === undefined ? { deviceId } : { deviceId, module }
    const found = classifyTopic(family, packet.topic, me)
    presence.active(deviceId, now())
    switch (found.kind) {
      case 'telemetry':
        append(connection, found.envelope({ ...packet, ...me }), packet, acknowledge)
        return found.route ? 'route' : 'sink'
      case 'request': {
        acknowledge()
        const error = new LoomError('COMMAND_UNSUPPORTED', found.operation)
        const answer = refuseRequest(family, found, packet.payload, error, now())
        // The answer leaves after the PUBACK, hence a later turn.
        if (answer) setImmediate(() => parts.answer(connection.id, answer))
        return 'sink'
      }
      case 'ordinary':
        if (may('publish', family, deviceId, packet.topic)) {
          append(connection, ordinaryEnvelope(deviceId, packet), packet, acknowledge)
          return 'route'
        }
    }
    emit({
      type: 'security',
      at: now(),
      code: 'POLICY_DENIED',
      message: `publish to ${packet.topic.slice(0, 100)}${'reason' in found ? `: ${found.reason}` : ''}`,
      device: deviceId,
      address: connection.remoteAddress,
    })
    acknowledge()
    return 'refuse'
  }

  const subscribe = (connection: Connection, filter: string, qos: 0 | 1 | 2): 0 | 1 | 128 => {
    const { deviceId, module, family } = connection.principal
    const me = module === undefined ? { deviceId } : { deviceId, module }
    const granted = qos > 0 ? 1 : 0
    const ruling = ruleFilter(family as Family, filter, me)
    const allowed = ruling.kind === 'granted' || (ruling.kind === 'ordinary' && may('subscribe', family, deviceId, filter))
    return allowed ? granted : 128
  }

  return {
    connect,
    publish,
    subscribe,
    forward: ({ principal }, topic) => may('receive', principal.family, principal.deviceId, topic),
    connected: connection => {
      presence.connected(connection)
      // Disabled between the check and now: the sweep over live connections could not see this one yet.
      parts.stillWelcome(connection).then(
        welcome => welcome || parts.disconnect(connection),
        () => parts.disconnect(connection),
      )
    },
    disconnected: (connection, reason) => presence.disconnected(connection, reason),
    refused: ({ remoteAddress, reason, code = 'BROKER_THROTTLED', clientId }) =>
      emit({
        type: 'security',
        at: now(),
        code,
        message: clientId ? `${reason} (client id ${clientId.slice(0, 100)})` : reason,
        address: remoteAddress,
      }),
  }
}

/** Ordinary topics are for things; the other families have their dialect's only. */
const may = (
  action: 'publish' | 'subscribe' | 'receive',
  family: Principal['family'],
  deviceId: string,
  topic: string,
): boolean => family === 'thing' && decideTopic({ action, topic, deviceId })

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')

/** A topic of no dialect, allowed by policy: telemetry with the topic as its only header. */
const ordinaryEnvelope = (deviceId: string, { topic, payload, qos, retain, will }: InboundPublish): Envelope => ({
  deviceId,
  stream: '',
  body: payload,
  properties: retain ? { 'mqtt-retain': 'true' } : {},
  system: {},
  topic,
  qos,
  will,
  dialect: 'plain',
})
