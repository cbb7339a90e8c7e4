import type { HttpAnswer, HttpAsk, HttpDeviceRequest, HttpMessage, HttpOperation, HttpRequest } from '../dialects/http.ts'
import type { InboundBytes } from '../dialects/dialect.ts'
import { readHttp } from '../dialects/http-table.ts'
import { classifyTopic } from '../dialects/topic-table.ts'
import { errorData, LoomError } from '../errors.ts'
import type { Admitted, Authenticator, ConnectAttempt } from '../identity/authenticate.ts'
import type { PeerFacts } from '../identity/prove-certificate.ts'
import { isDeviceId } from '../identity/device-id.ts'
import { refusedAlways } from '../identity/policy.ts'
import { ruleAccess } from '../identity/policy-order.ts'
import { parseSas } from '../identity/sas.ts'
import { kinds, type RecordKind } from '../journal/journal-port.ts'
import type { DialectName, Envelope } from '../telemetry/envelope.ts'
import type { Ingest } from './ingest.ts'
import type { OwnHttp } from './own-provisioning-http.ts'
import { publishVerdict } from './publish-verdict.ts'
import type { Rights, SessionRights } from './rights.ts'

/** Where a request came from. */
export interface HttpPeer {
  address: string
  /** TLS, or this machine itself: credentials do not travel in the open */
  secure: boolean
  /** the name it dialled, without one the address; not known at the flows' door */
  dialled?: string
  certificate?: PeerFacts
}

export interface DeviceHttpParts {
  authenticator: Authenticator
  ingest: Ingest
  /** The model of that device is at hand when it resolves. */
  modelReady?(deviceId: string): Promise<unknown> | undefined
  limits: { payloadBytes: number }
  now: () => number
  delay(ms: number): Promise<void>
  rights: Pick<SessionRights, 'admit' | 'end' | 'strict'>
  /** Our own provisioning. */
  own: OwnHttp
  /** Requests of who has no identity yet, in the way of a cloud; undefined for all others. */
  provisioning(request: HttpRequest, peer: HttpPeer): Promise<HttpAnswer | undefined>
  /** Operations that are answered here; undefined: not this one. `idle`: what waits is not in work meanwhile. */
  requests(ask: HttpAsk, idle: <T>(of: Promise<T>) => Promise<T>): Promise<HttpAnswer> | undefined
  active(deviceId: string, at: number): void
  refused(o: { code: string; message: string; device?: string; address: string }): void
  traceId(): string
}

interface NotLetIn {
  refusal: LoomError
  /** to be waited before the answer */
  delayMs: number
}

/** Requests that are in work at once; more are asked to come again. */
const maxInWork = 256
/** Refusals that wait at once, to slow guesses down; more are answered without a wait. They are not in work: strangers must not keep devices out. */
const maxDelayed = 256

/** The device API over HTTPS: the paths of AWS, of Azure and our own, under the same credentials, table and policies as MQTT. */
export function createDeviceHttp(parts: DeviceHttpParts): (request: HttpRequest, peer: HttpPeer) => Promise<HttpAnswer> {
  const { authenticator, now } = parts
  let inWork = 0
  let delayed = 0

  const admitted = async (request: HttpRequest, operation: HttpOperation, peer: HttpPeer): Promise<Admitted | NotLetIn> => {
    checkSecure(peer)
    const result = await authenticator.authenticate(attemptOf(request, operation, peer))
    if (!result.ok) {
      parts.refused({
        code: result.code,
        message: result.reason,
        address: peer.address,
        // The path says what a stranger wrote there.
        ...(operation.deviceId && isDeviceId(operation.deviceId) && { device: operation.deviceId }),
      })
      const refusal =
        result.connack === 3
          ? new LoomError('HUB_DOWN', 'try again', {})
          : new LoomError('CRED_UNKNOWN', 'the request was not let in')
      return { refusal, delayMs: result.delayMs ?? 0 }
    }
    if (operation.deviceId !== undefined && operation.deviceId !== result.deviceId)
      throw new LoomError('POLICY_DENIED', 'the path names another device')
    return result
  }

  /** What the same device could do over MQTT, with its own id as the client's. */
  const withRights = async <T>(who: Admitted, peer: HttpPeer, work: (rights: Rights) => Promise<T>): Promise<T> => {
    if (!who.deviceId) throw new LoomError('POLICY_DENIED', 'a claim may only provision')
    const { certificate, dialled } = peer
    const principal = {
      deviceId: who.deviceId,
      family: 'thing',
      cid: who.cid,
      kind: who.kind,
      ...(certificate && { fingerprint: certificate.fingerprint }),
    } as const
    const rights = await parts.rights.admit({
      principal,
      clientId: who.deviceId,
      ownClientId: true,
      address: peer.address,
      ...(dialled !== undefined && { dialled }),
      quarantined: who.quarantined ?? false,
      persistent: false,
      will: false,
      ...(certificate && { certificate: certificate.der }),
    })
    try {
      return await work(rights)
    } finally {
      parts.rights.end(principal)
    }
  }

  const publish = async (operation: HttpOperation & { kind: 'publish' }, who: Admitted, peer: HttpPeer): Promise<void> => {
    // All are looked at before the first is kept.
    const arrivals = await withRights(who, peer, async rights =>
      operation.messages.map(message => arrivalOf(operation, message, who, rights)),
    )
    await parts.modelReady?.(who.deviceId)
    const context = { clientId: who.deviceId, principal: who.cid, sourceIp: peer.address, connectionId: '' }
    const written = arrivals.map(
      arrival =>
        new Promise<void>((resolve, reject) => {
          parts.ingest({ ...arrival, context }, error => (error ? reject(error) : resolve()))
        }),
    )
    const failed = (await Promise.allSettled(written)).find(result => result.status === 'rejected')
    if (failed) throw failed.reason
    parts.active(who.deviceId, now())
  }

  const idle = <T>(of: Promise<T>): Promise<T> => {
    inWork--
    return of.finally(() => inWork++)
  }

  /** By the rules of the packet that asks the same over MQTT. */
  const asked = (operation: HttpDeviceRequest, who: Admitted, peer: HttpPeer, dialect: DialectName, request: HttpRequest) =>
    withRights(who, peer, async rights => {
      const { deviceId } = who
      const verdicts = operation.asks.map(({ action, name }) => rights.decide(action, name))
      const { allow, because } = ruleAccess({
        table: 'granted',
        verdict: (['deny', 'allow'] as const).find(verdict => verdicts.includes(verdict)) ?? 'none',
        feature: operation.operation,
        direction: operation.asks[0]?.action === 'Subscribe' ? 'subscribe' : 'publish',
        quarantined: rights.quarantined,
        strict: parts.rights.strict,
      })
      if (!allow) throw new LoomError(because === 'quarantine' ? 'DEVICE_QUARANTINED' : 'POLICY_DENIED', operation.operation)
      parts.active(deviceId, now())
      const running = parts.requests({ ...operation, dialect, deviceId, request }, idle)
      if (!running) throw new LoomError('COMMAND_UNSUPPORTED', operation.operation)
      return running
    })

  const arrivalOf = (
    operation: HttpOperation,
    { topic, payload, qos, contentType }: HttpMessage,
    { deviceId }: Admitted,
    rights: Rights,
  ): { envelope: Envelope; kind: RecordKind } => {
    if (payload.length > parts.limits.payloadBytes)
      throw new LoomError('BROKER_PACKET_TOO_LARGE', `${payload.length} bytes, at most ${parts.limits.payloadBytes}`)
    const found = classifyTopic(operation.family, topic, { deviceId })
    if (found.kind === 'request') throw new LoomError('COMMAND_UNSUPPORTED', `${found.operation} by a topic over HTTP`)
    const ordinary = found.kind === 'ordinary'
    const bytes: InboundBytes = { topic, payload, qos, retain: false, will: false, deviceId }
    // Policies speak of topics: a bag of properties at the end must not make another one of it.
    const envelope = found.kind === 'telemetry' ? found.envelope(bytes) : plainEnvelope(bytes, contentType)
    const reserved = found.kind === 'denied' || (ordinary && (operation.family !== 'thing' || refusedAlways('publish', topic)))
    const { allow, because, divert } = ruleAccess({
      table: reserved ? 'denied' : ordinary ? 'ordinary' : 'granted',
      verdict: publishVerdict(rights, {
        topic: envelope.topic,
        sent: found.kind === 'telemetry' ? topic : envelope.topic,
        family: operation.family,
      }),
      feature: found.kind,
      direction: 'publish',
      quarantined: rights.quarantined,
      strict: parts.rights.strict,
    })
    if (!allow)
      throw new LoomError(
        'POLICY_DENIED',
        `publish to ${topic.slice(0, 100)}: ${found.kind === 'denied' ? found.reason : because}`,
      )
    return { envelope, kind: divert ? kinds.quarantined : kinds.message }
  }

  /** Who need not be a device yet: everyone for the bootstrap document, else by a pairing code, a claim, or a device for its next certificate. */
  const sought = async (request: HttpRequest, operation: HttpOperation & { kind: 'seek' }, peer: HttpPeer) => {
    checkSecure(peer)
    const { own } = parts
    if (operation.operation === 'bootstrap.get') return own.bootstrap(peer.address)
    const { pairingCode, ...demand } = operation.request
    if (pairingCode !== undefined) {
      try {
        return await own.pair({ ...demand, pairingCode }, peer.address)
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        const { code, message } = error
        // A code that nobody has is no event of provisioning, which is about devices.
        if (code === 'PROV_CODE_INVALID' || code === 'PROV_THROTTLED') parts.refused({ code, message, address: peer.address })
        return { refusal: error, delayMs: own.delayOf(error, peer.address) }
      }
    }
    const who = await admitted(request, operation, peer)
    if ('refusal' in who) return who
    const { certificate } = peer
    const shown = who.kind === 'x509' && certificate ? { fingerprint: certificate.fingerprint } : {}
    const asker = { deviceId: who.deviceId, cid: who.cid, ...(who.as && { as: who.as }), ...shown }
    const work = () => own.enrol(asker, demand, peer.address)
    return who.deviceId ? withRights(who, peer, work) : work()
  }

  const slowedDown = async (delayMs: number): Promise<void> => {
    if (delayed >= maxDelayed) return
    delayed++
    await parts.delay(delayMs).finally(() => delayed--)
  }

  return async (request, peer) => {
    const traceId = parts.traceId()
    const { dialect, operation, fault } = readHttp(request)
    const refuse = (thrown: unknown): HttpAnswer => {
      const error = errorData(thrown)
      const what = operation && { operation, body: request.body }
      const answer = dialect.refused(error, { traceId, now: now(), ...(what && { asked: what }) })
      if (answer.status === 429 || answer.status === 503) answer.headers['retry-after'] = '2'
      return answer
    }
    if (fault) return refuse(fault)
    if (inWork >= maxInWork) return refuse(new LoomError('BROKER_THROTTLED', `${maxInWork} requests are in work`))
    let delayMs = 0
    const answered = async (): Promise<HttpAnswer> => {
      if (!operation) {
        const answer = peer.secure ? await parts.provisioning(request, peer) : undefined
        return answer ?? refuse(new LoomError('NOT_FOUND', `${request.method} ${request.path.slice(0, 100)}`))
      }
      if (operation.kind === 'seek') {
        const answer = await sought(request, operation, peer)
        if ('status' in answer) return answer
        delayMs = answer.delayMs
        return refuse(answer.refusal)
      }
      const who = await admitted(request, operation, peer)
      if ('refusal' in who) {
        delayMs = who.delayMs
        return refuse(who.refusal)
      }
      if (operation.kind === 'request') return asked(operation, who, peer, dialect.name, request)
      await publish(operation, who, peer)
      return dialect.accepted(traceId)
    }
    inWork++
    const answer = await answered()
      .catch(refuse)
      .finally(() => inWork--)
    if (delayMs) await slowedDown(delayMs)
    return answer
  }
}

function checkSecure({ secure }: HttpPeer): void {
  if (secure) return
  throw new LoomError('BROKER_PLAINTEXT', 'device requests need TLS', { hint: 'use https, also between a proxy and this hub' })
}

/** A topic of no dialect: telemetry with the topic as its only header. */
const plainEnvelope = ({ deviceId, topic, payload, qos }: InboundBytes, contentType: string | undefined): Envelope => ({
  deviceId,
  stream: '',
  body: payload,
  properties: {},
  system: {},
  topic,
  qos,
  will: false,
  dialect: 'plain',
  ...(contentType && { contentType }),
})

/** The CONNECT that the same credentials would make: a SAS token, a bearer token, user and password, or the certificate of the connection. */
function attemptOf({ headers }: HttpRequest, operation: HttpOperation, peer: HttpPeer): ConnectAttempt {
  const [, scheme = '', rest = ''] = /^(\w+) +(.+)$/s.exec(headers.authorization ?? '') ?? []
  const base = {
    query: {},
    clean: true,
    remoteAddress: peer.address,
    loopbackPlaintext: false,
    allowAnonymous: false,
    clientId: '',
    deviceId: operation.deviceId ?? '',
  }
  switch (scheme.toLowerCase()) {
    case 'sharedaccesssignature': {
      const [host = '', named = ''] = audienceOf(headers.authorization!)
      const deviceId = operation.deviceId ?? named
      return { ...base, family: 'iothub', clientId: deviceId, deviceId, host, password: Buffer.from(headers.authorization!) }
    }
    case 'bearer':
      return { ...base, family: 'thing', password: Buffer.from(rest) }
    case 'basic': {
      const text = Buffer.from(rest, 'base64').toString()
      const cut = text.indexOf(':')
      const username = cut < 0 ? text : text.slice(0, cut)
      return { ...base, family: 'thing', username, password: Buffer.from(cut < 0 ? '' : text.slice(cut + 1)) }
    }
    default:
      return { ...base, family: 'thing', ...(peer.certificate && { certificate: peer.certificate }) }
  }
}

/** Host and device that the token itself names; what it says is proved by its signature. */
function audienceOf(token: string): [host: string, deviceId: string] {
  try {
    const resource = decodeURIComponent(parseSas(token).sr)
    const [, host = '', id = ''] = /^([^/]+)\/devices\/([^/]+)/i.exec(resource) ?? []
    return [host, id]
  } catch {
    return ['', '']
  }
}
