import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { createEmbeddedBroker } from '../broker/embedded.ts'
import type { BrokerPort } from '../broker/broker-port.ts'
import { createNoBroker } from '../broker/none.ts'
import { type ErrorData, errorData, LoomError } from '../errors.ts'
import { createAuthenticator } from '../identity/authenticate.ts'
import { identitiesColl, openRegistry } from '../identity/registry.ts'
import { openSealer } from '../identity/open-sealer.ts'
import { kinds } from '../journal/journal-port.ts'
import { openAuthority } from '../pki/authority.ts'
import { publishFile } from '../stores/publish-file.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import { limitsOf } from './checked-options.ts'
import { createDevices, devicesColl, twinsColl } from './devices.ts'
import { createGate } from './gate.ts'
import { createIngest } from './ingest.ts'
import type { Hub, HubEvent, HubHealth } from './hub.ts'
import { createLifecycleOutbox } from './lifecycle-outbox.ts'
import type { HubOptions } from './options.ts'
import { openStores } from './open-stores.ts'
import { Presence } from './presence.ts'
import { prometheusText } from './prometheus.ts'
import { serverNames } from './server-names.ts'
import { storeTelemetry } from './telemetry-store.ts'

const stopWithinMs = 8000
const dayMs = 86_400_000

/** Opens a hub in this thread: stores, identity, journal, broker and the services over them. For codes see `startHub`. */
export async function openHub(options: HubOptions): Promise<Hub> {
  const now = Date.now
  const limits = limitsOf(options)
  const { hubId, name = hubId, dataDir } = options
  const since = now()
  const listeners = new Set<(event: HubEvent) => void>()
  const emit = (event: HubEvent): void => {
    for (const listener of listeners) listener(event)
  }
  const problems = new Map<string, ErrorData>()
  const problem = (about: string, error: unknown): void => void problems.set(about, errorData(error))
  let storeWarning: string | undefined

  const stores = await openStores(options, {
    now,
    journalEvent: event => {
      if (event.type === 'deadletter') emit({ ...(event as object), type: 'deadletter', at: now() } as HubEvent)
      else emit({ type: 'health', status: 'degraded', at: now() })
    },
    warn: message => {
      storeWarning = message
    },
  })
  const undo: (() => Promise<unknown>)[] = [() => stores.close()]
  try {
    const { state, identities, journal, warm, key } = stores
    await state.declare(devicesColl, {})
    await state.declare(twinsColl, {})
    const sealer = await openSealer({ key, hubId, store: identities, random: randomBytes })
    const authority = await openAuthority({ hubId, store: identities, sealer, now, random: randomBytes })
    const names = serverNames(options)
    const hostName = (): string => options.publicHost ?? options.hubNames?.[0] ?? 'localhost'
    const registry = await openRegistry({ store: identities, sealer, authority, now, random: randomBytes, hostName })
    const authenticator = createAuthenticator({
      registry,
      sealer,
      now,
      sasClockSkewS: limits.sasClockSkewS,
      ...(options.hubNames?.length && { hubNames: names }),
      clientIdMode: 'owned',
    })
    if (options.store !== 'memory') await publishFile(join(dataDir, 'ca.pem'), authority.rootPem)

    const presence = await Presence.open({ state, journal, offlineAfterMs: limits.offlineAfterMs, now, emit })
    const outbox = await createLifecycleOutbox({ identities, identityColl: identitiesColl, state, journal })
    const ingest = createIngest({
      journal,
      now,
      lost: error =>
        emit({ type: 'security', at: now(), code: 'JOURNAL_FULL', message: `a dead letter was lost: ${error.message}` }),
    })
    let broker: BrokerPort
    const drop = async (deviceId: string, cid?: string): Promise<void> => {
      const live = broker.connectionsOf(deviceId).filter(c => cid === undefined || c.principal.cid === cid)
      await Promise.all(live.map(c => broker.disconnect(c.id, 'FORBIDDEN_ACCESS')))
    }
    const gate = createGate({
      authenticator,
      ingest,
      presence,
      allowAnonymous: options.allowAnonymous ?? false,
      now,
      emit,
      answer: (id, message) => void broker.send(id, message).catch(() => {}),
      stillWelcome: async ({ principal }) => registry.accepts({ deviceId: principal.deviceId, cid: principal.cid }),
      disconnect: ({ id }) => void broker.disconnect(id, 'FORBIDDEN_ACCESS'),
      delay: async ms => void (await after(ms, undefined, { ref: false })),
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
          })
    undo.push(() => broker.stop(stopWithinMs))

    const devices = createDevices({ registry, state, presence, now, emit, drop, purge: id => broker.purge(id) })
    const changed = (): void => void outbox.drain().catch(error => problem('lifecycle', error))
    const later = (ms: number, fn: () => void): (() => void) => {
      const timer = setTimeout(fn, ms).unref()
      return () => clearTimeout(timer)
    }
    const feed = limits.storeTelemetry
      ? await storeTelemetry({ journal, warm, failed: error => problem('warm', error), schedule: later })
      : undefined
    if (feed) undo.push(() => feed.close())

    const every = (ms: number, about: string, work: () => unknown): void => {
      const timer = setInterval(async () => {
        try {
          await work()
          problems.delete(about)
        } catch (error) {
          problem(about, error)
        }
      }, ms).unref()
      undo.push(async () => clearInterval(timer))
    }
    every(1000, 'presence', () => presence.sweep(now()))
    every(5000, 'connectivity', () => presence.flush())
    every(60_000, 'identity', () => registry.flush())
    every(3_600_000, 'retention', () => warm.expire(now()))
    every(dayMs / 4, 'certificate', async () => broker.setTls(await authority.serverCertificate({ names })))
    every(2000, 'metrics', () => {
      const { received, connections } = broker.metrics()
      emit({ type: 'metrics', at: now(), connections, received, headSeq: journal.metrics().headSeq })
    })

    for (const listening of await broker.start()) {
      if (listening.state === 'failed')
        problems.set(`listener ${listening.kind}`, (listening.error ?? { code: 'BROKER_PORT_TAKEN', message: '' }) as ErrorData)
    }
    changed()

    const health = async (): Promise<HubHealth> => {
      const { state: journalState, headSeq, diskBytes } = journal.metrics()
      return {
        hubId,
        name,
        status: problems.size || journalState !== 'ok' ? 'degraded' : 'ok',
        since,
        restarts: 0,
        listeners: broker.listeners(),
        journal: { state: journalState, headSeq, diskBytes },
        store: { kind: options.store, state: storeWarning ? 'warn' : 'ok', ...(storeWarning && { message: storeWarning }) },
        devices: await registry.count(),
        connections: presence.connections,
        problems: [...problems.values()],
      }
    }
    let closing: Promise<void> | undefined

    return {
      devices: {
        ...devices,
        register: o => devices.register(o).finally(changed),
        update: o => devices.update(o).finally(changed),
        delete: o => devices.delete(o).finally(changed),
      },
      identity: {
        addCredential: ({ id, credential, by }) => registry.addCredential(id, credential, by === undefined ? {} : { by }),
        revokeCredential: async ({ id, cid, by }) => {
          await registry.revokeCredential(id, cid, by === undefined ? {} : { by })
          await drop(id, cid)
        },
      },
      pki: { caCertificates: async () => ({ rootPem: authority.rootPem, issuingPem: authority.issuingPem }) },
      journal: {
        metrics: async () => journal.metrics(),
        read: o => journal.read(o),
        forget: o => journal.forget(o.name),
        pin: o => journal.pin(o.name, o.seq),
        deadLetters: o => journal.deadLetters(o),
        replayDeadLetter: o => journal.replayDeadLetter(o.id),
        discardDeadLetter: o => journal.discardDeadLetter(o.id),
      },
      telemetry: {
        inject: async ({ device, payload, topic = '', stream = '', contentType, properties = {}, time, by }) => {
          if (payload.length > limits.payloadBytes)
            throw new LoomError('BROKER_PACKET_TOO_LARGE', `${payload.length} bytes, at most ${limits.payloadBytes}`)
          const envelope: Envelope = {
            deviceId: device,
            stream,
            body: payload,
            properties,
            system: {},
            topic,
            qos: 1,
            will: false,
            dialect: 'plain',
            ...(contentType !== undefined && { contentType }),
            ...(time !== undefined && { time }),
          }
          const context = { clientId: '', principal: by ?? '', sourceIp: '', connectionId: '' }
          return new Promise((resolve, reject) =>
            ingest({ envelope, context, kind: kinds.injected }, (error, seq) => (error ? reject(error) : resolve({ seq }))),
          )
        },
        store: ({ rows, duplicates }) => warm.append(rows, duplicates === undefined ? {} : { duplicates }),
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
            }),
            warm: figures,
          }
        },
      },
      consume: (spec, events) => journal.consume(spec, events),
      subscribe: listener => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      close: () =>
        (closing ??= (async () => {
          // Sockets first: what they acknowledged last must still be committed below them.
          await broker.stop(stopWithinMs)
          await presence.flush().catch(() => {})
          await registry.flush().catch(() => {})
          await outbox.drain().catch(() => {})
          for (const step of undo.splice(0).reverse()) await step()
        })()),
    }
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => {})
    throw error
  }
}
