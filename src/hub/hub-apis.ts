import { LoomError } from '../errors.ts'
import type { BrokerPort } from '../broker/broker-port.ts'
import type { Issuers } from '../identity/issuers.ts'
import { createAuditApi } from './audit-api.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { Policies } from '../identity/policy-store.ts'
import type { Groups } from '../topology/groups.ts'
import { followedIdentity, staticOnly } from './fleet-fences.ts'
import type { ConfigurationsApi } from './hub-configurations.ts'
import type { Fleet } from './open-fleet.ts'
import { createGateways } from './gateways.ts'
import { createGroupsApi } from './groups-api.ts'
import { createInject } from './inject.ts'
import type { LeafCommands } from './leaf-commands.ts'
import type { LeafPresence } from './leaf-presence.ts'
import type { Leaves } from './leaves.ts'
import type { Imports } from './import-api.ts'
import type { Provisioning } from './open-provisioning.ts'
import { createProvisioningApi } from './provisioning-api.ts'
import { createTwinsApi } from './twins-api.ts'
import type { Twins } from './twins.ts'
import { createPoliciesApi } from './policies-api.ts'
import { createIdentityApi } from './identity-api.ts'
import { createPkiApi } from './pki-api.ts'
import type { createDeviceHttp } from './device-http.ts'
import { listConsumers } from './consumer-list.ts'
import type { Registry } from '../identity/registry.ts'
import type { Authority } from '../pki/authority.ts'
import type { WarmStore } from '../storage/warm-store.ts'
import type { CommandsApi, DevicesApi, Hub, HubEvent, HubHealth, hubApis } from './hub.ts'
import type { Ingest } from './ingest.ts'
import { replayLetters } from './letter-replay.ts'
import type { SchemasApi } from './hub-schemas.ts'
import type { Models } from './open-models.ts'
import type { Stores } from './open-stores.ts'
import type { HubLimits, HubOptions } from './options.ts'
import type { Presence } from './presence.ts'
import type { Problems } from './problems.ts'
import { prometheusText } from './prometheus.ts'
import { createSparkplugCommands } from './sparkplug-commands.ts'
import { UnknownSchemas } from './unknown-schemas.ts'

export interface ApiParts {
  options: HubOptions
  limits: HubLimits
  /** when this hub was opened, epoch ms */
  since: number
  problems: Problems
  stores: Stores
  registry: Registry
  authority: Authority
  issuers: Issuers
  trail: AuditTrail
  provisioning: Provisioning
  imports: Imports
  twins: Twins
  models: Models
  schemas: SchemasApi
  reference: { api: Hub['reference'] }
  actions: { api: Hub['actions'] }
  commands: Omit<CommandsApi, 'sparkplug'>
  /** calls of methods under way, and answers that came too late */
  methods(): { open: number; late: number }
  emit(event: HubEvent): void
  policies: Policies
  groups: Groups
  fleet: Fleet
  configurations: ConfigurationsApi
  now: () => number
  devices: DevicesApi
  presence: Presence
  leaves: Leaves
  leafCommands: LeafCommands
  leafPresence: LeafPresence
  broker: BrokerPort
  ingest: Ingest
  storeReadings: WarmStore['append']
  /** The device API, whatever the door. */
  deviceHttp: ReturnType<typeof createDeviceHttp>
  /** Closes live connections of a device, or those that one of its credentials opened. */
  drop(deviceId: string, cid?: string): Promise<void>
  /** Closes every session that a bearer token opened. */
  dropTokens(): Promise<void>
  /** Closes every session of a certificate that only a registered authority vouched for. */
  dropVouched(): Promise<void>
  /** The server's certificate may have to be another one. */
  reissued(): Promise<void>
  /** The registry has changed: its events are due. */
  changed(): void
}

/** The request/response groups of a hub, as plain objects whose own methods are the calls that may cross a port. */
export function createApis(parts: ApiParts): Pick<Hub, (typeof hubApis)[number]> {
  const { options, limits, since, problems, registry, devices, presence, broker, ingest, imports, changed, fleet } = parts
  const { journal, warm } = parts.stores
  const unknownSchemas = new UnknownSchemas(parts)
  const { hubId, name = hubId, store } = options

  const health = async (): Promise<HubHealth> => {
    const { state, headSeq, diskBytes } = journal.metrics()
    const { warning } = problems
    return {
      hubId,
      name,
      status: problems.list.length || state !== 'ok' ? 'degraded' : 'ok',
      since,
      restarts: 0,
      listeners: broker.listeners(),
      journal: { state, headSeq, diskBytes },
      store: { kind: store, state: warning ? 'warn' : 'ok', ...(warning && { message: warning }) },
      devices: await registry.count(),
      connections: presence.connections,
      problems: problems.list,
    }
  }

  const inject = createInject({
    ready: parts.models.ready,
    ingest,
    payloadBytes: limits.payloadBytes,
    active: device => presence.active(device, parts.now(), true),
  })
  const twins = createTwinsApi(parts.twins)
  return {
    devices: {
      ...devices,
      list: ({ dialect, ...o }) => (dialect === undefined ? devices.list(o) : fleet.devices(devices, { ...o, dialect })),
      register: o => devices.register(o).finally(changed),
      update: o => devices.update(o).finally(changed),
      retire: o => devices.retire(o).finally(changed),
      delete: o => devices.delete(o).finally(changed),
    },
    identity: followedIdentity(createIdentityApi(parts), fleet),
    pki: createPkiApi({ ...parts, ownerOfKey: hash => registry.ownerOfKey(hash) }),
    audit: createAuditApi(parts),
    ...staticOnly(
      { policies: createPoliciesApi({ ...parts, state: parts.stores.state }), groups: createGroupsApi(parts) },
      fleet,
    ),
    fleet: fleet.api,
    configurations: parts.configurations,
    models: parts.models.api,
    schemas: parts.schemas,
    reference: parts.reference.api,
    actions: parts.actions.api,
    provisioning: createProvisioningApi(parts),
    twins,
    gateways: createGateways({ leaves: parts.leaves, inject, twins, presence: parts.leafPresence, commands: parts.leafCommands }),
    commands: { ...parts.commands, ...createSparkplugCommands(broker) },
    imports: {
      start: ({ by = 'hub', ...o }) => imports.start({ ...o, by }),
      resume: ({ by = 'hub', ...o }) => imports.resume({ ...o, by }),
      get: o => imports.get(o),
      list: o => imports.list(o),
      cancel: ({ id, by = 'hub' }) => imports.cancel({ id, by }),
      report: async o => imports.report(o),
      secrets: async ({ id, by = 'hub' }) => imports.secrets({ id, by }),
    },
    // Only these two of a peer: a certificate cannot be claimed from elsewhere.
    deviceHttp: { handle: ({ request, peer: { address, secure } }) => parts.deviceHttp(request, { address, secure }) },
    journal: {
      metrics: async () => journal.metrics(),
      read: o => journal.read(o),
      consumers: async o => listConsumers(journal.metrics().consumers, o),
      forget: async ({ name, existing }) => {
        if (existing && !journal.metrics().consumers.some(consumer => consumer.name === name))
          throw new LoomError('NOT_FOUND', `consumer ${name.slice(0, 100)}`)
        return journal.forget(name)
      },
      pin: o => journal.pin(o.name, o.seq),
      deadLetters: o => journal.deadLetters(o),
      addDeadLetter: async letter => {
        const id = await journal.addDeadLetter(letter)
        unknownSchemas.see(letter)
        return { id }
      },
      replayDeadLetter: o => journal.replayDeadLetter(o.id),
      replayDeadLetters: o => replayLetters(journal, o),
      discardDeadLetter: o => journal.discardDeadLetter(o.id),
    },
    telemetry: {
      inject: o => inject(o),
      store: ({ rows, duplicates }) => parts.storeReadings(rows, duplicates === undefined ? {} : { duplicates }),
    },
    query: {
      range: o => warm.range(o),
      aggregate: o => warm.aggregate(o),
      downsample: o => warm.downsample(o),
      last: o => warm.last(o),
    },
    health: {
      get: health,
      metrics: async () => {
        const figures = await warm.metrics()
        return {
          text: prometheusText(hubId, {
            broker: broker.metrics(),
            journal: journal.metrics(),
            warm: figures,
            devices: await registry.count(),
            methods: parts.methods(),
            endpoints: (await parts.actions.api.endpoints({})).items,
          }),
          warm: figures,
        }
      },
    },
  }
}
