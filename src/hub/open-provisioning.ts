import { createHmac } from 'node:crypto'
import type { BrokerPort, Connection, Principal } from '../broker/broker-port.ts'
import { type Cbor, plainItem } from '../dialects/aws/cbor.ts'
import { createAwsProvisioning } from '../dialects/aws/provisioning.ts'
import { handleDps, handleDpsHttp } from '../dialects/azure/dps-handlers.ts'
import { bootstrapAnswer, bootstrapGet } from '../dialects/plain/bootstrap.ts'
import { LoomError } from '../errors.ts'
import type { ProvisioningProofs } from '../identity/authenticate.ts'
import type { PeerFacts } from '../identity/prove-certificate.ts'
import type { Sealer } from '../identity/seal.ts'
import type { Authority } from '../pki/authority.ts'
import { verifyChain } from '../pki/chain.ts'
import { openAllowLists } from '../provisioning/allow-list.ts'
import { type Attested, createAttestor } from '../provisioning/attest.ts'
import { type BootstrapFacts, openBootstrap } from '../provisioning/bootstrap-book.ts'
import { openOperations } from '../provisioning/bulk-operations.ts'
import { openClaims } from '../provisioning/claim-store.ts'
import { createDps } from '../provisioning/dps.ts'
import type { ProvisioningEvent } from '../provisioning/dps-port.ts'
import { openEnrolments } from '../provisioning/enrolments.ts'
import { createFleetProvisioning } from '../provisioning/fleet-provisioning.ts'
import { createAdmission } from '../provisioning/fleet-provisioning-admission.ts'
import { openTemplateApprovals } from '../provisioning/fleet-provisioning-approvals.ts'
import type { FleetEvent, FleetPrincipal } from '../provisioning/fleet-provisioning-port.ts'
import { createHookDesk } from '../provisioning/hook-desk.ts'
import { createJitp } from '../provisioning/jitp.ts'
import { openOwnership } from '../provisioning/ownership.ts'
import { createOwnProvisioning } from '../provisioning/own-provisioning.ts'
import { openKeptAnswers } from '../provisioning/own-provisioning-answers.ts'
import { openPairings } from '../provisioning/pairing-store.ts'
import type { CertificateSource, DeviceWriter } from '../provisioning/provisioning-port.ts'
import { openTemplates } from '../provisioning/template-store.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'
import type { HttpPeer } from './device-http.ts'
import { createBootstrapNews } from './bootstrap-news.ts'
import type { Listening } from './listening.ts'
import type { DeviceRequest } from './gate.ts'
import { createWakeKey } from '../commands/wake-token.ts'
import type { HubEvent } from './hub.ts'
import { openCaTemplates } from './ca-templates.ts'
import { createOwnHttp } from './own-provisioning-http.ts'
import { createTurns } from './turns.ts'

export interface ProvisioningParts {
  hubId: string
  identities: StateStore
  sealer: Sealer
  authority: Authority
  devices: DeviceWriter
  trail: AuditTrail
  sasClockSkewS: number
  /** `host[:port]` under which a device reaches this hub; `sniHost`: the name or address it dialled */
  thisHub(o: { sniHost?: string }): string
  endpoints(): Pick<BootstrapFacts, 'endpoints' | 'passing'>
  emit(event: HubEvent): void
  broker(): Pick<BrokerPort, 'connections' | 'disconnect'>
  listening: Listening
  now: () => number
  random: (size: number) => Buffer
  schedule(ms: number, fn: () => void): () => void
}

/** Everything by which a device without an identity gets one, over the store of identities: one transaction makes a device and ends what made it. */
export async function openProvisioning(parts: ProvisioningParts) {
  const { identities: store, sealer, authority, devices, trail, now, random, schedule } = parts
  const caPem = async (id: string): Promise<string | undefined> => authority.anchorPem(id)
  const source: CertificateSource = {
    issueUnnamed: request => authority.issueUnnamed({ ...request, ownerOfKey: hash => devices.ownerOfKey(hash) }),
  }
  const enrolments = await openEnrolments({ store, sealer, now, random, caPem })
  const allowLists = await openAllowLists({ store, now })
  const templates = await openTemplates({ store, now })
  const claims = await openClaims({ store, source, now, random })
  const approvals = await openTemplateApprovals({ store, now })
  const operations = await openOperations({ store, now, random })
  const caTemplates = await openCaTemplates(store)
  const key = sealer.subkey('tokens')
  const tokenHash = (token: string) => createHmac('sha256', key).update(token).digest('hex')
  const ownership = await openOwnership({ store, now, random, tokenHash })
  const desk = createHookDesk({ now, schedule })

  const drop = (ends: (principal: Principal) => boolean): void => {
    for (const { id, principal } of parts.broker().connections())
      if (ends(principal)) void parts.broker().disconnect(id, 'FORBIDDEN_ACCESS')
  }
  const closeClaim = (claimId: string): void => drop(({ family, cid }) => family === 'claim' && cid === claimId)
  /** What an enrolment admitted before it was changed. */
  const closeEnrolment = (enrolmentId: string): void => drop(({ family, cid }) => family === 'dps' && cid === enrolmentId)
  /** Whoever came by keys derived from a group's: the ones that still hold come back. */
  const dropDerived = (): void => drop(({ kind }) => kind === 'sas-derived')
  const told = (event: FleetEvent): void => {
    const { type, at, deviceId, template, claimId, reason, ip, by } = event
    const refused = type === 'refused' || type === 'token-misused' || type === 'clone-suspected'
    const detail = { template, claimId, code: event.code, reason, ip, fingerprint: event.fingerprint }
    if (refused)
      trail.refused(`${type}|${by}|${event.code}`, { by, action: `provisioning.${type}`, target: deviceId ?? by, detail })
    else if (type !== 'provisioned') trail.note({ by, action: `provisioning.${type}`, target: deviceId ?? by, detail })
    if (type === 'claim-disabled' && claimId !== undefined) closeClaim(claimId)
    const state = states[type]
    parts.emit({ type: 'provisioning', at, state, by, ip, ...pick({ deviceId, template, claimId, reason, code: event.code }) })
  }
  const dpsTold = (event: ProvisioningEvent): void => {
    const { type, state, at, by, ip, registrationId, deviceId, enrolmentId, hub, reason, code } = event
    const what = type === 'clone-suspected' ? 'CLONE_SUSPECTED' : state
    parts.emit({
      type: 'provisioning',
      at,
      state: what,
      by,
      ip,
      registrationId,
      ...pick({ deviceId, enrolmentId, hub, reason, code }),
    })
  }
  const dpsRecord = ({
    type,
    state,
    by,
    deviceId,
    enrolmentId,
    registrationId,
    hub,
    reason,
    code,
    ip,
  }: ProvisioningEvent): Write[] => [
    trail.write('identities', {
      by,
      action: `provisioning.${type === 'state' ? state.toLowerCase() : type}`,
      target: deviceId ?? registrationId,
      detail: { enrolmentId, registrationId, hub, reason, code, ip },
    }),
  ]

  const dps = await createDps({
    store,
    enrolments,
    allowLists,
    devices,
    hook: desk,
    thisHub: parts.thisHub,
    events: dpsTold,
    also: dpsRecord,
    now,
    random,
    schedule,
  })
  const admission = createAdmission({ templates, claims, approvals, allowLists, devices, hook: desk, events: told, now })
  const fleet = createFleetProvisioning({ admission, ownership, claims, templates, source, devices, events: told, now })
  const jitp = createJitp({ admission, events: told, now })
  const attestor = createAttestor({
    enrolments,
    verifyChain: (chain, anchors, at) => verifyChain(chain, anchors, at),
    caPem,
    sasClockSkewS: parts.sasClockSkewS,
  })
  const pairings = await openPairings({ store, now, random, key, hint: code => sealer.hint(code) })
  const answers = await openKeptAnswers({ store, now })
  const inTurn = createTurns()
  const own = createOwnProvisioning({
    admission,
    answers,
    pairings,
    claims,
    templates,
    source,
    devices,
    events: told,
    now,
    random,
    inTurn,
  })
  const cas = () => authority.rootPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []
  const wakeKey = createWakeKey(sealer.subkey('wake')).publicKey
  const book = await openBootstrap({
    store,
    facts: () => ({ ...parts.endpoints(), cas: cas(), wakeKey }),
    now,
    changed: () => tellBootstrap(),
  })
  const tellBootstrap = createBootstrapNews({ read: () => ownHttp.document(), listening: parts.listening })
  const ownHttp = createOwnHttp({ own, book, claims, caPem: () => authority.rootPem, now })
  const cbor = await loadCbor()
  const aws = createAwsProvisioning({ fleet, ...(cbor && { cbor }) })

  const principalOf = async ({ principal, remoteAddress }: Connection): Promise<FleetPrincipal> => {
    const { deviceId, family, cid, fingerprint = '' } = principal
    if (family === 'claim') return { claimId: cid, fingerprint, ip: remoteAddress }
    const claim = fingerprint ? await claims.findClaim(fingerprint, remoteAddress, now()) : undefined
    return { deviceId, fingerprint, ip: remoteAddress, ...(claim?.ok && { claimId: claim.claim.id }) }
  }

  const proofs: ProvisioningProofs = {
    attest: ({ certificate, ...attempt }) => attestor.attest({ ...attempt, ...(certificate && { chain: chainOf(certificate) }) }),
    async claimOf({ fingerprint, address, now: at }) {
      const found = await claims.findClaim(fingerprint, address, at)
      if (found?.ok === false) throw found.error
      return found && { claimId: found.claim.id }
    },
    async admitUnknown({ certificate, address }) {
      const vouched = authority.anchorsFor(chainOf(certificate))
      const template = vouched && caTemplates.of(vouched.caId)
      if (!vouched || template === undefined) return false
      const { pem: certificatePem, fingerprint, spkiHash } = vouched.leaf
      return (await jitp.admitByTemplate({ template, certificatePem, fingerprint, spkiHash, ip: address })).active
    },
  }

  return {
    enrolments,
    allowLists,
    templates,
    claims,
    approvals,
    operations,
    caTemplates,
    pairings,
    book,
    own: ownHttp,
    desk,
    dps,
    attestor,
    proofs,
    closeClaim,
    closeEnrolment,
    dropDerived,
    /** Whether who only provisions would still be let in. */
    welcomes: ({ family, cid }: Principal): Promise<boolean> =>
      family === 'claim'
        ? claims.need(cid, now()).then(
            () => true,
            () => false,
          )
        : enrolments.get(cid).then(found => found !== undefined),
    /** Operations of provisioning; undefined for those of others. */
    request(connection: Connection, request: DeviceRequest, payload: Uint8Array, registration: Attested | undefined) {
      if (request.operation === bootstrapGet) return ownHttp.document().then(document => bootstrapAnswer(request, document))
      if (!request.operation.startsWith('provisioning.')) return undefined
      if (registration) {
        const { remoteAddress: ip, dialled } = connection
        const origin = { ip, now: now(), ...(dialled !== undefined && { sniHost: dialled }) }
        return handleDps({ dps, who: registration, request, payload, ...origin })
      }
      return principalOf(connection).then(principal => aws.answer(request, payload, { id: connection.id, principal }))
    },
    /** The same over HTTPS; undefined for requests of others. */
    http: ({ method, path, body, headers }: HttpRequest, { address, certificate }: HttpPeer): Promise<HttpAnswer | undefined> =>
      handleDpsHttp({
        dps,
        attestor,
        method,
        path,
        body,
        ip: address,
        now: now(),
        ...(headers.authorization !== undefined && { authorization: headers.authorization }),
        ...(certificate && { chain: chainOf(certificate) }),
      }),
    gone(connection: Connection) {
      aws.gone(connection.id)
    },
    async sweep(): Promise<void> {
      await dps.sweep()
      for (const swept of [claims, approvals, ownership, operations, pairings, answers]) await swept.sweep(now())
      await book.refresh()
    },
    async close(): Promise<void> {
      desk.close()
      await dps.close()
      await operations.close()
    },
  }
}

export type Provisioning = Awaited<ReturnType<typeof openProvisioning>>

const states = {
  'certificate-issued': 'ISSUED',
  provisioned: 'ACTIVE',
  pending: 'PENDING_APPROVAL',
  refused: 'DENIED',
  'clone-suspected': 'CLONE_SUSPECTED',
  'claim-disabled': 'CLAIM_DISABLED',
  'token-misused': 'DENIED',
} as const satisfies Record<FleetEvent['type'], string>

const chainOf = ({ der, issuers = [] }: PeerFacts): Uint8Array[] => [der, ...issuers]

/** Without the members that are undefined. */
const pick = <T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never

/** An optional package: without it requests in CBOR are refused with the way to get it. */
async function loadCbor(): Promise<Cbor | undefined> {
  const name: string = 'cbor-x'
  try {
    const { encode, decode } = (await import(name)) as Cbor
    return { encode: value => encode(value), decode: bytes => decode(plainItem(bytes)) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw new LoomError('DRIVER_MISSING', name, { cause: error })
  }
}
