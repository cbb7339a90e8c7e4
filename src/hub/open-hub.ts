import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { createEmbeddedBroker } from '../broker/embedded.ts'
import type { BrokerPort } from '../broker/broker-port.ts'
import { createNoBroker } from '../broker/none.ts'
import { commandTopics } from '../dialects/aws/command-topics.ts'
import { LoomError } from '../errors.ts'
import { identitiesColl } from '../identity/registry.ts'
import { publishFile } from '../stores/publish-file.ts'
import { dropConnections } from './drop-connections.ts'
import { openAccess } from './open-access.ts'
import { openActions } from './open-actions.ts'
import { openIdentity } from './open-identity.ts'
import { consumeByRules } from './consume-by-rules.ts'
import { createRulePorts } from '../runtime/rule-ports.ts'
import { loadLinearRegex } from '../runtime/linear-regex.ts'
import { openFleet } from './open-fleet.ts'
import { openGate } from './open-gate.ts'
import { createListening } from './listening.ts'
import { mayHear } from './may-hear.ts'
import { commandTargets } from './command-targets.ts'
import { openGroupCommands } from './group-commands.ts'
import { openCommands } from './open-commands.ts'
import { openConfigurations } from './open-configurations.ts'
import { openDevices } from './open-devices.ts'
import { openModels } from './open-models.ts'
import { openSchemas } from './open-schemas.ts'
import { openReference } from './open-reference.ts'
import { openTwins } from './open-twins.ts'
import { limitsOf } from './checked-options.ts'
import { refusalOf, shownRefusal } from './refusal-record.ts'
import { settleCredentials } from './settle-credentials.ts'
import { devicesColl } from './devices.ts'
import { createDeviceHttp } from './device-http.ts'
import { createDeviceWriter } from './device-writer.ts'
import { endpointsOf } from './endpoints.ts'
import { createTurns } from './turns.ts'
import { openProvisioning } from './open-provisioning.ts'
import type { RequestAnswer } from './gate.ts'
import { createApis } from './hub-apis.ts'
import { tellOfJournal } from './journal-news.ts'
import { startPeriodic } from './periodic.ts'
import { Problems } from './problems.ts'
import { createIngest } from './ingest.ts'
import type { Hub, HubEvent } from './hub.ts'
import { createLifecycleOutbox } from './lifecycle-outbox.ts'
import type { HubOptions } from './options.ts'
import { openStores } from './open-stores.ts'
import { createLeafPresence } from './leaf-presence.ts'
import { Leaves } from './leaves.ts'
import { openPresence } from './open-presence.ts'
import { createPresenceTopics } from './presence-topics.ts'
import { deviceHost } from './server-names.ts'
import { storeTelemetry } from './telemetry-store.ts'
import { undoAll } from './undo-all.ts'

/** The runtime gives a node a third of its close time, 5 s by default. */
const stopWithinMs = 3000
const hourMs = 3_600_000

/** Opens a hub in this thread: stores, identity, journal, broker and the services over them. For codes see `startHub`. */
export async function openHub(options: HubOptions): Promise<Hub> {
  const now = Date.now
  const limits = limitsOf(options)
  const { hubId, dataDir } = options
  const since = now()
  const listeners = new Set<(event: HubEvent) => void>()
  let audited = (_event: HubEvent): void => {}
  let followed = (_event: HubEvent): void => {}
  const emit = (told: HubEvent): void => {
    const event = told.type === 'security' ? shownRefusal(told) : told
    audited(event)
    followed(event)
    for (const listener of listeners) listener(event)
  }
  const problems = new Problems(() => emit({ type: 'health', status: problems.list.length ? 'degraded' : 'ok', at: now() }))

  const later = (ms: number, fn: () => void): (() => void) => {
    const timer = setTimeout(fn, ms).unref()
    return () => clearTimeout(timer)
  }

  const delay = async (ms: number): Promise<void> => void (await after(ms, undefined, { ref: false }))

  const stores = await openStores(options, {
    now,
    journalEvent: event => tellOfJournal(event, problems, hubEvent => emit(hubEvent)),
    warn: message => problems.warn(message),
  })
  const undo: (() => Promise<unknown>)[] = [() => stores.close()]
  try {
    const { state, identities, journal, warm } = stores
    await state.declare(devicesColl, {})
    let broker: BrokerPort
    const { sealer, trail, authority, names, lists, registry, issuers, authenticator } = await openIdentity({
      ...{ options, stores, problems, now, sasClockSkewS: limits.sasClockSkewS },
      broker: () => broker,
      provisioning: () => provisioning,
      random: randomBytes,
      schedule: later,
    })
    undo.push(() => trail.close())
    audited = event => void (event.type === 'security' && trail.refused(...refusalOf(event)))
    const publishCa = async (): Promise<void> => {
      if (options.store !== 'memory') await publishFile(join(dataDir, 'ca.pem'), authority.rootPem)
    }
    await publishCa()

    const topics = createPresenceTopics({ send: (...news) => send(...news), mayHear: (...what) => mayHear(rights)(...what), now })
    const present = await openPresence({ state, journal, registry, limits, topics, now, emit })
    const { presence } = present
    listeners.add(present.followed)
    const leaves = await Leaves.open({
      state,
      devices: ids => registry.many(ids),
      failed: error => problems.watch('devices behind gateways', Promise.reject(error)),
    })
    listeners.add(event => leaves.followed(event))
    const leafPresence = createLeafPresence({ presence, book: leaves.book, actsFor: (...who) => rights.actsFor(...who) })
    leaves.on(changed => leafPresence.moved(changed))
    const outbox = await createLifecycleOutbox({ identities, identityColl: identitiesColl, state, journal })
    const access = await openAccess({
      identities,
      state,
      findDevice: id => registry.find(id),
      broker: () => broker,
      problems,
      groupsChanged: change => fleet.feed.groupsChanged(change),
      leaves: leaves.book,
      rechecked: connection => leafPresence.recheck(connection),
      now,
    })
    const { groups, policies, rights } = access
    const described = (targets: readonly string[]): void => {
      access.described(targets)
      present.described(targets)
    }
    const models = await openModels({
      ...{ state, trail, problems, emit, now, broker: () => broker },
      changed: device => configurations.retry(device),
    })
    listeners.add(models.followed)
    const schemas = await openSchemas({ state, journal, trail, problems, emit, now })
    const ingest = createIngest({
      journal,
      now,
      modelOf: models.checks.telemetry,
      lost: (error, device) => {
        const code = error instanceof LoomError ? error.code : 'NODE_FAULT'
        emit({ type: 'security', at: now(), code, message: `no dead letter: ${error.message}`, device })
      },
    })
    const { drop, dropKind } = dropConnections(() => broker)
    const inTurn = createTurns()
    const send = (id: string, message: RequestAnswer): void => void broker.send(id, message).catch(() => {})
    const listening = createListening({ send, mayHear: mayHear(rights) })
    leaves.on(changed => {
      for (const { id } of new Set(changed.flatMap(leaf => listening.gatewaysOf(leaf))))
        problems.watch('subscriptions', broker.recheck(id))
    })
    const {
      twins,
      wire,
      outbox: events,
      news,
    } = await openTwins({
      mainShadow: options.mainShadow,
      state,
      journal,
      registry,
      trail,
      listening,
      inTurn,
      problems,
      models,
      described(id) {
        described([`device:${id}`])
        fleet.feed.described(id)
        configurations.note(id)
      },
      changed(change) {
        fleet.feed.twinChanged(change)
        configurations.note(change.deviceId)
      },
      emit,
      now,
      random: randomBytes,
    })
    const fleet = await openFleet({ registry, state, presence, groups, outbox: events, trail, problems, limits, now })
    const configurations = await openConfigurations({
      ...{ state, fleet, twins, outbox: events, trail, problems, limits, now, emit },
      schedule: later,
    })
    undo.push(() => configurations.close())
    const reference = await openReference({ options, state, trail, fleet, problems, emit, now })
    undo.push(() => reference.close())
    followed = event => {
      fleet.feed.told(event)
      configurations.told(event)
    }
    const ownCommandTopics = options.commandTopic === undefined ? undefined : commandTopics(options.commandTopic)
    const commands = await openCommands({
      commandTopics: ownCommandTopics,
      ...{ state, registry, rights, sealer, trail, outbox: events, listening, problems, models, emit, now, random: randomBytes },
      broker: () => broker,
      leaves,
      gatewayLeft: gateway => leafPresence.flowGone(gateway),
      schedule: later,
    })
    const provisioning = await openProvisioning({
      hubId,
      identities,
      sealer,
      authority,
      devices: createDeviceWriter({
        registry,
        identities,
        state,
        groups,
        policies,
        sealer,
        trail,
        inTurn,
        twins: news,
        now,
        changed: (id, change) => {
          emit({ type: 'device', id, change, at: now() })
          described([`device:${id}`])
          changed()
        },
      }),
      trail,
      sasClockSkewS: limits.sasClockSkewS,
      endpoints: () => endpointsOf(options, broker.listeners()),
      thisHub: ({ sniHost }) => deviceHost(options, broker.listeners(), sniHost),
      emit,
      broker: () => broker,
      listening,
      now,
      random: randomBytes,
      schedule: later,
    })
    undo.push(() => provisioning.close())
    // First: work that waits for calls ends with them.
    undo.push(async () => commands.close())
    const many = await openGroupCommands({
      ...{ state, commands: commands.api, operations: provisioning.operations, emit, schedule: later, now, random: randomBytes },
      targets: commandTargets({ groups, fleet }),
      note: deed => trail.note(deed),
    })
    const actions = await openActions({
      ...{ spool: stores.spool, sealer, journal, ingest, ready: models.ready, payloadBytes: limits.payloadBytes },
      ...{ wire, problems, emit, schedule: later, now },
      broker: () => broker,
    })
    undo.push(() => actions.close())
    const deviceHttp = createDeviceHttp({
      authenticator,
      ingest,
      modelReady: models.ready,
      limits,
      now,
      rights,
      delay,
      own: provisioning.own,
      provisioning: (request, peer) => provisioning.http(request, peer),
      requests: (ask, idle) => wire.http(ask) ?? commands.http(ask, idle),
      active: (id, at) => presence.active(id, at, true),
      refused: ({ code, message, device, address }) =>
        emit({ type: 'security', at: now(), code, message, address, ...(device && { device }) }),
      traceId: () => randomBytes(16).toString('hex'),
    })
    const gate = openGate({
      ...{
        authenticator,
        registry,
        ingest,
        presence,
        rights,
        models,
        wire,
        commands,
        leafPresence,
        provisioning,
        topics,
        listening,
        deviceHttp,
      },
      allowAnonymous: options.allowAnonymous ?? false,
      commandTopics: ownCommandTopics,
      broker: () => broker,
      ...{ now, emit, send, delay },
    })
    broker =
      options.broker === 'none'
        ? createNoBroker()
        : createEmbeddedBroker({
            gate,
            listeners: options.listeners,
            tls: await authority.serverCertificate({ names }),
            sessions: stores.sessions,
            limits,
            now,
            log: (_level, message) => emit({ type: 'security', at: now(), code: 'NODE_FAULT', message }),
          })
    undo.push(() => broker.stop(stopWithinMs))

    const changed = (): void => problems.watch('lifecycle', outbox.drain())
    const { devices, decommissions, imports } = await openDevices({
      ...{ stores, registry, access, presence, provisioning, sealer, trail, problems, inTurn, now, emit, drop, changed },
      ...{ twins: news, commands },
      broker: () => broker,
      journalKeepMs: limits.journalKeepMs,
      schedule: later,
    })
    const stored = { append: decommissions.append, cursor: (consumer: string) => warm.cursor(consumer) }
    const feed = limits.storeTelemetry ? await storeTelemetry({ journal, warm: stored, problems, schedule: later }) : undefined
    if (feed) undo.push(() => feed.close())

    const reissued = async (): Promise<void> => {
      broker.setTls(await authority.serverCertificate({ names }))
      await publishCa()
      await provisioning.book.refresh()
    }
    const metrics = (): void => {
      const { received, connections } = broker.metrics()
      emit({ type: 'metrics', at: now(), connections, received, headSeq: journal.metrics().headSeq })
    }
    const endPeriodic = startPeriodic(
      [
        [1000, 'presence', () => presence.sweep(now())],
        [2000, 'metrics', metrics],
        [3000, 'messages to devices', () => commands.sweep()],
        [5000, 'lifecycle', () => Promise.all([outbox.drain(), events.drain(), fleet.flush(), configurations.sweep()])],
        [5000, 'connectivity', () => presence.flush()],
        [5000, 'audit', () => trail.drain()],
        [5000, 'actions', () => actions.sweep()],
        [60_000, 'identity', () => registry.flush()],
        [60_000, 'provisioning', () => provisioning.sweep()],
        [60_000, 'policies', () => rights.sweep()],
        [60_000, 'decommissions', () => decommissions.resume()],
        [60_000, 'imports', () => imports.expire(now())],
        [60_000, 'credentials', () => settleCredentials({ registry, drop, emit, trail, now })],
        [hourMs, 'revocation lists', () => lists.renew()],
        [hourMs, 'retention', () => Promise.all([warm.expire(now()), present.expire(), commands.forgetOld(), many.sweep()])],
        [6 * hourMs, 'certificate', reissued],
      ],
      problems,
    )
    undo.push(async () => endPeriodic())

    for (const { kind, port, error } of await broker.start()) if (error) problems.set(`listener ${kind} ${port}`, error)
    changed()
    trail.note({ action: 'hub.start', target: hubId })
    problems.watch('fleet index', fleet.ready())
    problems.watch('fleet configurations', configurations.ready())
    problems.watch('revocation lists', lists.renew())
    problems.watch('decommissions', decommissions.resume())
    problems.watch('commands', many.resumeMessages())
    problems.watch('bootstrap document', provisioning.book.refresh())

    let closing: Promise<void> | undefined
    const close = async (): Promise<void> => {
      // Sockets first: what they acknowledged last must still be committed below them.
      await broker.stop(stopWithinMs)
      trail.note({ action: 'hub.stop', target: hubId })
      for (const last of [presence.flush(), registry.flush(), outbox.drain(), fleet.flush()]) await last.catch(() => {})
      await events.drain().catch(() => {})
      await undoAll(undo)
    }
    return {
      ...createApis({
        ...{ options, limits, since, problems, stores, registry, authority, issuers, trail, policies, groups },
        ...{ fleet, provisioning, models, schemas, reference, actions, configurations: configurations.api },
        ...{ imports, twins, emit, now, devices, presence, broker, ingest, deviceHttp, drop, reissued, changed },
        commands: { ...commands.api, ...many.api },
        methods: () => commands.methods,
        leaves,
        leafCommands: commands.leaves,
        leafPresence,
        storeReadings: decommissions.append,
        dropTokens: () => dropKind('jwt'),
        dropVouched: () => dropKind('x509-group'),
      }),
      consume: consumeByRules({
        ...{ journal, hubName: hubId, ports: createRulePorts({ linear: await loadLinearRegex() }) },
        twinOf: device => fleet.twinOf(device),
      }),
      subscribe: listener => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await undoAll(undo).catch(() => {})
    throw error
  }
}
