import type {
  Admission,
  BrokerGate,
  ConnectHello,
  Connection,
  DisconnectReason,
  InboundPublish,
  Principal,
  PublishOutcome,
} from '../broker/broker-port.ts'
import type { CommandTopics } from '../dialects/aws/command-topics.ts'
import type { Classified, Family, FilterRuling, WireAnswer } from '../dialects/dialect.ts'
import { classifyTopic, refuseRequest, ruleFilter } from '../dialects/topic-table.ts'
import { deviceIn, leafFilter, leafPublish } from '../dialects/plain/leaf.ts'
import { readConnect } from '../dialects/connect.ts'
import { contentTypeOfTopic } from '../dialects/plain/sparkplug.ts'
import { LoomError } from '../errors.ts'
import type { Authenticator } from '../identity/authenticate.ts'
import { isOwnClientId } from '../identity/client-id.ts'
import { decideTopic, refusedAlways } from '../identity/policy.ts'
import { type AccessRuling, ruleAccess } from '../identity/policy-order.ts'
import { kinds } from '../journal/journal-port.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { ConnectionRecords } from '../telemetry/record.ts'
import type { HubEvent } from './hub.ts'
import type { Ingest } from './ingest.ts'
import type { Attested } from '../provisioning/attest.ts'
import type { Presence } from './presence.ts'
import { publishVerdict } from './publish-verdict.ts'
import type { SessionRights } from './rights.ts'

/** As it goes to the connection that asked, and to no other. */
export interface RequestAnswer {
  topic: string
  payload: string | Uint8Array
  qos: 0 | 1
}

/** `leaf`: of a device that the connection acts for. */
export type DeviceRequest = Extract<Classified, { kind: 'request' }> & { leaf?: string }

export interface GateParts {
  authenticator: Authenticator
  ingest: Ingest
  presence: Presence
  rights: SessionRights
  /** Operations that this hub offers; undefined: none of that name, its dialect refuses. */
  requests(
    connection: Connection,
    request: DeviceRequest,
    payload: Uint8Array,
    registration: Attested | undefined,
  ): Promise<RequestAnswer | undefined> | undefined
  /** It may hear of a feature; told again for filters that were stored. */
  listens(connection: Connection, granted: { filter: string; features: readonly string[]; qos: 0 | 1; deviceId?: string }): void
  listensNoMore(connection: Connection, filter: string): void
  /** Of any filter, by the device itself; those of a session that was kept are told before `open`. */
  subscribed(connection: Connection, filter: string): void
  unsubscribed(connection: Connection, filter: string): void
  /** It is let in; `model`: how it calls the model that it follows. Resolves before its first message may come. */
  connects?(deviceId: string, model: string | undefined): Promise<void>
  /** Does the work when it is known which model the device follows, of one device in the order of the calls. */
  whenKnown?(deviceId: string, work: () => void): void
  /** From now on it can be sent something. */
  open(connection: Connection): void
  /** It has ended: nobody waits for its answers. */
  gone(connection: Connection, reason: DisconnectReason): void
  http: BrokerGate['request'] & object
  allowAnonymous: boolean
  /** further topics of methods */
  commandTopics?: CommandTopics | undefined
  now: () => number
  emit(event: HubEvent): void
  /** Writes an answer to a connection; failures are the broker's to count. */
  answer(connectionId: string, message: RequestAnswer): void
  /** Still what it was at CONNECT: enabled, the same generation, the credential active. */
  stillWelcome(connection: Connection): Promise<boolean>
  disconnect(connection: Connection): void
  delay(ms: number): Promise<void>
}

/** Everything the broker asks: who may connect, what a publish is and when it counts as accepted, which filters are granted. */
export function createGate(parts: GateParts): BrokerGate {
  const { authenticator, presence, rights, now, emit } = parts

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
    const { deviceId, module, cid, kind, basis, expiresAt, as, registration, quarantined = false } = result
    const principal: Principal = {
      deviceId,
      family: as ?? form.family,
      cid,
      kind,
      ...(module !== undefined && { module }),
      ...(hello.certificate && { fingerprint: hello.certificate.fingerprint }),
      ...(basis !== undefined && { basis }),
      ...(registration && { registrationId: registration.registrationId }),
    }
    const sessionKey = `${principal.family}|${hello.clientId}`
    const admission = { admit: true, principal, sessionKey, ...(expiresAt !== undefined && { expiresAt }) } as const
    // Who has no identity yet may only ask for one: no session, no will, no policy.
    if (as) {
      if (registration) registrations.set(principal, registration)
      return { ...admission, willAllowed: false, clean: true }
    }
    try {
      await rights.admit({
        principal,
        clientId: hello.clientId,
        // Azure's was compared with the device already.
        ownClientId: hello.generatedId === true || principal.family === 'iothub' || isOwnClientId(hello.clientId, deviceId),
        address: hello.remoteAddress,
        ...(hello.dialled !== undefined && { dialled: hello.dialled }),
        quarantined,
        persistent: !hello.clean,
        will: hello.will !== undefined,
        ...(hello.certificate && { certificate: hello.certificate.der }),
      })
    } catch (error) {
      if (!(error instanceof LoomError && error.code === 'POLICY_DENIED')) throw error
      return refuse(5, error.message, error.code, deviceId)
    }
    if (deviceId && module === undefined) await parts.connects?.(deviceId, form.query['model-id'])
    const { will } = hello
    return { ...admission, willAllowed: will !== undefined && ruledPublish(principal, willOf(will)).allow }
  }

  /** The table of reserved topics first, then quarantine, then policies. */
  const ruledPublish = (
    principal: Principal,
    packet: Published,
  ): AccessRuling & { found: Classified; envelope?: Envelope; leaf?: string } => {
    const me = meOf(principal)
    const family = principal.family as Family
    const own = methodAnswer(principal, packet.topic) ?? classifyTopic(family, packet.topic, me)
    const leaf = own.kind === 'denied' ? leafOf(principal, packet.topic) : undefined
    const found = leaf === undefined ? own : leafPublish(packet.topic, classifyTopic(family, packet.topic, { deviceId: leaf }))
    // Policies speak of topics: a bag of properties at the end must not make another one of it.
    const envelope =
      found.kind === 'telemetry' ? found.envelope({ ...packet, ...me, ...(leaf && { deviceId: leaf }) }) : undefined
    if (leaf !== undefined && envelope) envelope.properties = { ...envelope.properties, gateway: principal.deviceId }
    const name = envelope?.topic ?? (found.kind === 'request' ? packet.topic.replace(/\/\?.*$/s, '') : packet.topic)
    return {
      found,
      ...(envelope && { envelope }),
      ...(leaf !== undefined && { leaf }),
      ...ruled(principal, found, 'Publish', name, { sent: envelope && packet.topic, leaf }),
    }
  }
  /** The answer to a call that came over one of the topics that were set. */
  const methodAnswer = ({ family, deviceId }: Principal, topic: string): Classified | undefined => {
    const answered = family === 'thing' ? parts.commandTopics?.answered(topic, deviceId) : undefined
    return answered && { kind: 'request', dialect: 'plain', operation: 'method.answer', ...answered, topic }
  }
  /** The device of another tree, if the connection may act for it. */
  const leafOf = (principal: Principal, topic: string): string | undefined => {
    const device = deviceIn(topic)
    return device !== undefined && device !== principal.deviceId && rights.actsFor(principal, device) ? device : undefined
  }
  const ruled = (
    principal: Principal,
    found: Classified | FilterRuling,
    action: 'Publish' | 'Subscribe' | 'Receive',
    name: string,
    { sent, leaf }: { sent?: string | undefined; leaf?: string | undefined } = {},
  ): AccessRuling => {
    const ordinary = found.kind === 'ordinary'
    const onlyByPolicy = 'onlyByPolicy' in found
    const direction = directions[action]
    const reserved = found.kind === 'denied' || (ordinary && (principal.family !== 'thing' || refusedAlways(direction, name)))
    if (reserved || found.kind === 'unsupported') return { allow: false, because: 'table' }
    const held = rights.of(principal)
    // A will that a crash left behind was allowed when its session began; those who only provision have the table alone.
    if (!held)
      return {
        allow: ordinary ? decideTopic({ action: direction, topic: name, deviceId: principal.deviceId }) : !onlyByPolicy,
        because: 'table',
      }
    return ruleAccess({
      table: ordinary || onlyByPolicy ? 'ordinary' : 'granted',
      verdict:
        sent === undefined
          ? held.decide(action, name)
          : publishVerdict(held, { topic: name, sent, family: principal.family as Family }),
      feature: featureOf(found),
      direction,
      quarantined: leaf === undefined ? held.quarantined : rights.isQuarantined(leaf),
      strict: rights.strict,
    })
  }

  const registrations = new WeakMap<Principal, Attested>()
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
    { divert, leaf }: { divert: boolean; leaf: string | undefined },
  ): void => {
    // QoS 0 waits for the commit too, so that a fast sender is slowed; but its loss is no reason to close the connection.
    const committed = packet.qos > 0 ? acknowledge : () => acknowledge()
    const kind = divert ? kinds.quarantined : kinds.message
    const take = (): void => parts.ingest({ envelope, context: recordsOf(connection), dup: packet.dup, kind }, committed)
    if (leaf === undefined || !parts.whenKnown) take()
    else parts.whenKnown(leaf, take)
  }

  const publish = (connection: Connection, packet: InboundPublish, acknowledge: (error?: LoomError) => void): PublishOutcome => {
    const { principal } = connection
    const { deviceId } = principal
    const family = principal.family as Family
    // In the clouds a QoS 2 publish closes the connection, and SDKs rely on no more than QoS 1.
    if (packet.qos === 2 && (family !== 'thing' || packet.topic.startsWith('$'))) return 'close'
    const {
      found,
      envelope = ordinaryEnvelope(deviceId, packet),
      allow,
      because,
      divert = false,
      leaf,
    } = ruledPublish(principal, packet)
    const telemetry = allow && found.kind !== 'request'
    if (deviceId) presence.active(deviceId, now(), telemetry && leaf === undefined)
    if (leaf !== undefined) presence.active(leaf, now(), telemetry)
    if (found.kind === 'request') {
      const refusal = new LoomError(because === 'quarantine' ? 'DEVICE_QUARANTINED' : 'POLICY_DENIED', found.operation)
      request(connection, leaf === undefined ? found : { ...found, leaf }, packet.payload, allow ? undefined : refusal)
      if (!allow) tellDenied(connection, packet.topic, because)
      acknowledge()
      return allow ? 'sink' : 'refuse'
    }
    if (allow) {
      append(connection, envelope, packet, acknowledge, { divert, leaf })
      if (divert) return 'sink'
      if (found.kind === 'telemetry') return found.route ? 'route' : 'sink'
      return packet.retain && rights.of(principal)?.decide('RetainPublish', packet.topic) === 'allow' ? 'retain' : 'route'
    }
    tellDenied(connection, packet.topic, found.kind === 'denied' ? found.reason : because)
    acknowledge()
    return 'refuse'
  }

  const tellDenied = ({ principal, remoteAddress }: Connection, topic: string, reason: string): void =>
    emit({
      type: 'security',
      at: now(),
      code: 'POLICY_DENIED',
      message: `publish to ${topic.slice(0, 100)}: ${reason}`,
      device: principal.deviceId,
      address: remoteAddress,
    })

  /** The answer leaves after the PUBACK, hence a later turn. */
  const request = (connection: Connection, asked: DeviceRequest, payload: Uint8Array, refusal: LoomError | undefined): void => {
    const family = connection.principal.family as Family
    const refuse = (error: LoomError): WireAnswer | undefined => refuseRequest(family, asked, payload, error, now())
    const send = (answer: RequestAnswer | undefined): void => {
      if (answer) setImmediate(() => parts.answer(connection.id, answer))
    }
    const running = refusal ? undefined : parts.requests(connection, asked, payload, registrations.get(connection.principal))
    if (!running) send(refuse(refusal ?? new LoomError('COMMAND_UNSUPPORTED', asked.operation)))
    running?.then(send, error =>
      send(refuse(error instanceof LoomError ? error : new LoomError('NODE_FAULT', asked.operation, { cause: error }))),
    )
  }

  const subscribe = (connection: Connection, filter: string, qos: 0 | 1 | 2, recheck?: true): 0 | 1 | 128 => {
    const { principal } = connection
    const family = principal.family as Family
    const own = ruleFilter(family, filter, meOf(principal))
    const leaf = own.kind === 'denied' ? leafOf(principal, filter) : undefined
    const ruling = leaf === undefined ? own : leafFilter(ruleFilter(family, filter, { deviceId: leaf }))
    if (!ruled(principal, ruling, 'Subscribe', filter, { leaf }).allow) {
      if (recheck) parts.listensNoMore(connection, filter)
      return 128
    }
    const granted = qos > 0 ? 1 : 0
    if (!recheck) parts.subscribed(connection, filter)
    if (ruling.kind === 'granted' && !recheck)
      parts.listens(connection, {
        filter,
        features: ruling.features ?? [ruling.feature],
        qos: granted,
        ...(leaf && { deviceId: leaf }),
      })
    const hearsCalls =
      family === 'thing' && ruling.kind === 'ordinary' && parts.commandTopics?.hearsOf(filter, principal.deviceId)
    if (hearsCalls && !recheck) parts.listens(connection, { filter, features: ['methods'], qos: granted })
    return granted
  }

  return {
    connect,
    publish,
    subscribe,
    extraRoom: ({ principal }) => rights.extraRoom(principal),
    unsubscribed(connection, filter) {
      parts.listensNoMore(connection, filter)
      parts.unsubscribed(connection, filter)
    },
    forward: ({ principal }, topic) => ruled(principal, { kind: 'ordinary' }, 'Receive', topic).allow,
    request: parts.http,
    connected: connection => {
      rights.connected(connection)
      parts.open(connection)
      if (connection.principal.deviceId) presence.connected(connection)
      // Disabled between the check and now: the sweep over live connections could not see this one yet.
      parts.stillWelcome(connection).then(
        welcome => welcome || parts.disconnect(connection),
        () => parts.disconnect(connection),
      )
    },
    disconnected: (connection, reason) => {
      parts.gone(connection, reason)
      rights.end(connection.principal)
      if (connection.principal.deviceId) presence.disconnected(connection, reason)
    },
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

type Published = Pick<InboundPublish, 'topic' | 'payload' | 'qos' | 'retain' | 'will'>

const willOf = ({ topic, payload, qos, retain }: NonNullable<ConnectHello['will']>): Published => ({
  topic,
  payload,
  qos: qos as Published['qos'],
  retain,
  will: true,
})

const directions = { Publish: 'publish', Subscribe: 'subscribe', Receive: 'receive' } as const

const meOf = ({ deviceId, module }: Principal) => (module === undefined ? { deviceId } : { deviceId, module })

/** What quarantine knows it by. */
const featureOf = (found: Classified | FilterRuling): string => {
  if (found.kind === 'request') return found.operation
  return found.kind === 'granted' ? found.feature : found.kind
}

const isLoopback = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')

/** A topic of no dialect, allowed by policy: telemetry with the topic as its only header. */
function ordinaryEnvelope(deviceId: string, { topic, payload, qos, retain, will }: InboundPublish): Envelope {
  const contentType = contentTypeOfTopic(topic)
  const properties: Envelope['properties'] = retain ? { 'mqtt-retain': 'true' } : {}
  const head = { deviceId, stream: '', properties, system: {}, ...(contentType !== undefined && { contentType }) }
  return { ...head, body: payload, topic, qos, will, dialect: 'plain' }
}
