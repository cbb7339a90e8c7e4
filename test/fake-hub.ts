import { LoomError } from '../src/errors.ts'
import type {
  DeviceSecrets,
  DeviceView,
  DynamicGroupView,
  Hub,
  HubConsumer,
  HubConsumerSpec,
  HubEvent,
  HubHealth,
} from '../src/hub/hub.ts'
import type {
  ConsumerEvents,
  ConsumerSpec,
  DeadLetter,
  Delivered,
  JournalRecord,
  NewRecord,
} from '../src/journal/journal-port.ts'
import { flags, kinds, replayFor, replayOf } from '../src/journal/journal-port.ts'
import type { LastValue, WarmPage, WarmRow } from '../src/storage/warm-store.ts'
import { topicMatches } from '../src/telemetry/topic.ts'

/** What tests look at besides the `Hub` it is. */
export interface FakeHub extends Hub {
  /** Appends a record and delivers it to the consumers it matches. */
  append(record: Partial<NewRecord> & { device: string }): JournalRecord
  gap(from: number, to: number): void
  emit(event: HubEvent): void
  readonly consumers: Map<string, FakeConsumer>
  readonly stored: { rows: WarmRow[]; duplicates: string | undefined }[]
  readonly letters: DeadLetter[]
  /** Filters of letters that were to be replayed. */
  readonly lettersAsked: unknown[]
  readonly asked: [string, any][]
  closed: boolean
  /** subscribers of live events */
  readonly listening: number
  /** Answers of range queries, one a call. */
  pages: WarmPage[]
  /** Answers of fleet queries, one a call. */
  fleetPages: { items: Record<string, unknown>[]; next?: string }[]
  latest: LastValue[]
  /** While set, every request fails with it. */
  failing: LoomError | undefined
}

export interface FakeConsumer extends HubConsumer {
  readonly spec: HubConsumerSpec
  readonly acked: Set<number>
  offer(record: JournalRecord): void
  gap(from: number, to: number): void
}

/** For calls that no test of this fake makes: the type is satisfied, a call fails by its absence. */
const notFaked = <T>(): T => ({}) as T

const empty: WarmPage = { items: [], stats: { rows: 0, tookMs: 0 } }

/** JSON telemetry as the hub journals it. */
export const message = (
  device: string,
  values: unknown,
  more: { stream?: string; time?: number; seq?: number; contentType?: string } = {},
) => ({
  device,
  kind: kinds.message,
  topic: `devices/${device}/telemetry`,
  payload: values instanceof Uint8Array ? values : Buffer.from(JSON.stringify(values)),
  props: { v: 1 as const, p: {}, s: {}, e: more },
})

function matches(spec: ConsumerSpec, record: JournalRecord): boolean {
  const { devices, topics, streams, kinds: wanted = [kinds.message, kinds.injected] } = spec.filter ?? {}
  const target = record.flags & flags.replay ? record.props.s[replayFor] : undefined
  if (target !== undefined) return target === spec.name
  if (spec.filter?.only === 'replays' || !wanted.includes(record.kind)) return false
  if (devices?.length && !devices.includes(record.device)) return false
  if (streams?.length && !streams.includes(record.props.e.stream ?? '')) return false
  return !topics?.length || topics.some(filter => topicMatches(filter, record.topic))
}

function fakeConsumer(spec: HubConsumerSpec, events: ConsumerEvents, letters: DeadLetter[], closed: () => void): FakeConsumer {
  const waiting: JournalRecord[] = []
  const flying = new Map<number, Delivered>()
  const tries = new Map<number, number>()
  const acked = new Set<number>()
  let [delivered, dead, paused, open] = [0, 0, false, true]
  const pump = (): void => {
    const batch: Delivered[] = []
    while (open && !paused && waiting.length && flying.size < (spec.window ?? 256)) {
      const record = waiting.shift()!
      const deliveries = (tries.get(record.seq) ?? 0) + 1
      tries.set(record.seq, deliveries)
      flying.set(record.seq, { ...record, deliveries })
      batch.push({ ...record, deliveries })
    }
    if (!batch.length) return
    delivered += batch.length
    events.deliver(batch)
  }
  const end = (seqs: readonly number[]): void => {
    for (const seq of seqs) if (flying.delete(seq)) acked.add(seq)
    queueMicrotask(pump)
  }
  return {
    name: spec.name,
    spec,
    acked,
    offer(record) {
      if (!matches(spec, record)) return
      waiting.push(record)
      queueMicrotask(pump)
    },
    gap: (from, to) => events.gap?.({ from, to, reason: 'trimmed' }),
    ack: end,
    retry(seqs) {
      for (const seq of seqs) {
        const record = flying.get(seq)
        if (!flying.delete(seq) || !record) continue
        const { deliveries: _, ...plain } = record
        waiting.push(plain)
      }
      queueMicrotask(pump)
    },
    async deadletter(seqs, { code, message: text, node }) {
      for (const seq of seqs) {
        const record = flying.get(seq)
        if (!record) continue
        dead++
        const { device, topic, payload } = record
        letters.push({
          id: letters.length + 1,
          at: 0,
          reason: 'flow',
          code,
          message: text,
          device,
          topic,
          properties: {},
          payload,
          stage: 'flow',
          tries: 1,
          replays: 0,
          state: 'open',
          jseq: seq,
          consumer: spec.name,
          ...(node && { node }),
        })
      }
      end(seqs)
    },
    pause(on) {
      paused = on
      pump()
    },
    setRules(rules) {
      spec.rules = rules
    },
    async close() {
      open = false
      closed()
    },
    state: () => ({
      name: spec.name,
      cursor: 0,
      inFlight: flying.size,
      lag: waiting.length,
      delivered,
      passedOver: 0,
      redelivered: 0,
      dead,
      gaps: 0,
      live: open,
      seen: 0,
    }),
  }
}

function deviceOf(id: string): DeviceView {
  return {
    id,
    generation: `g-${id}`,
    enabled: true,
    state: 'active',
    credentials: [],
    tags: {},
    attributes: {},
    createdAt: 1,
    updatedAt: 1,
    etag: '1',
    connection: { connected: false },
  }
}

/** Dynamic groups by id, without members; static calls are those of the fake's `groups`. */
function fakeFleet(asked: [string, any][], pages: () => FakeHub['fleetPages']): Hub['fleet'] {
  const known = new Map<string, DynamicGroupView>()
  const found = (id: string): DynamicGroupView => {
    const view = known.get(id)
    if (!view) throw new LoomError('GROUP_NOT_FOUND', id)
    return view
  }
  return {
    ...notFaked<Hub['fleet']>(),
    async query(o) {
      asked.push(['fleet', o])
      return pages().shift() ?? { items: [] }
    },
    async createGroup({ id, by: _, ...o }) {
      if (known.has(id)) throw new LoomError('GROUP_EXISTS', id)
      const view = { id, dialect: 'aws' as const, ...o, createdAt: 1, updatedAt: 1, members: 0, etag: '1' }
      known.set(id, view)
      return view
    },
    async deleteGroup({ id }) {
      known.delete(found(id).id)
    },
    group: async ({ id }) => found(id),
  }
}

/** A hub in memory with the behaviour that nodes and routes can see; devices, journal consumers and stores are real enough to assert on. */
export function fakeHub(): FakeHub {
  const devices = new Map<string, DeviceView>()
  const consumers = new Map<string, FakeConsumer>()
  const listeners = new Set<(event: HubEvent) => void>()
  const letters: DeadLetter[] = []
  const asked: [string, any][] = []
  const records: JournalRecord[] = []
  const idle = new Set<string>()
  const find = (id: string): DeviceView => {
    const device = devices.get(id)
    if (!device) throw new LoomError('IDENTITY_NOT_FOUND', id)
    return device
  }
  let cids = 0
  const credentialOf = (id: string, kind: DeviceSecrets['kind']): DeviceSecrets => {
    const cid = `c${++cids}`
    find(id).credentials.push({ cid, kind, status: 'active', createdAt: 1, hasSecret: true })
    return { cid, kind, caPem: 'CA', ...(kind === 'sas' && { primaryKey: `secret-${cid}` }) }
  }
  const letter = (id: number): DeadLetter => {
    const found = letters.find(one => one.id === id)
    if (!found) throw new LoomError('NOT_FOUND', `dead letter ${id}`)
    return found
  }
  const health = (): HubHealth => ({
    hubId: 'test',
    name: 'test',
    status: 'ok',
    since: 1,
    restarts: 0,
    listeners: [],
    journal: { state: 'ok', headSeq: records.length, diskBytes: 0 },
    store: { kind: 'memory', state: 'ok' },
    devices: devices.size,
    connections: 0,
    problems: [],
  })
  const hub: FakeHub = {
    consumers,
    stored: [],
    letters,
    lettersAsked: [],
    asked,
    closed: false,
    get listening() {
      return listeners.size
    },
    pages: [],
    fleetPages: [],
    latest: [],
    failing: undefined,
    append(record) {
      const full: JournalRecord = {
        kind: kinds.message,
        topic: '',
        qos: 1,
        flags: 0,
        props: { v: 1, p: {}, s: {}, e: {} },
        payload: new Uint8Array(),
        ...record,
        seq: records.length + 1,
        at: 1000 + records.length,
      }
      records.push(full)
      for (const consumer of consumers.values()) consumer.offer(full)
      return full
    },
    gap: (from, to) => {
      for (const consumer of consumers.values()) consumer.gap(from, to)
    },
    emit: event => {
      for (const listener of listeners) listener(event)
    },
    devices: {
      async register({ id, credentials, tags = {}, enabled = true }) {
        if (devices.has(id)) throw new LoomError('IDENTITY_EXISTS', id)
        devices.set(id, { ...deviceOf(id), tags, enabled })
        return { ...(credentials && { secrets: credentialOf(id, credentials.kind) }), device: structuredClone(find(id)) }
      },
      get: async ({ id }) => structuredClone(find(id)),
      async list({ query = '', limit = 100, cursor }) {
        const ids = [...devices.keys()].filter(id => id.startsWith(query) && id > (cursor ?? '')).sort()
        const items = ids.slice(0, limit).map(id => structuredClone(find(id)))
        return { items, ...(ids.length > limit && { next: items.at(-1)!.id }) }
      },
      connections: async () => ({ items: [] }),
      async update({ id, etag, by: _, ...change }) {
        const device = find(id)
        if (etag && etag !== device.etag) throw new LoomError('IDENTITY_CONFLICT', id)
        Object.assign(device, change, { etag: String(Number(device.etag) + 1) })
        return structuredClone(device)
      },
      quarantine: async ({ id }) => structuredClone(Object.assign(find(id), { state: 'quarantined' as const })),
      release: async ({ id }) => structuredClone(Object.assign(find(id), { state: 'active' as const })),
      async retire({ id, telemetry = 'keep' }) {
        asked.push(['retire', { id, telemetry }])
        const { generation, createdAt, enabled, state, credentials } = find(id)
        Object.assign(find(id), { state: 'retired' as const })
        const archive = { createdAt, enabled, state, credentials, groups: [], policies: [] }
        const decommission = { device: id, generation, at: 1, by: 'hub', telemetry, steps: [], done: true, archive }
        return structuredClone({ ...find(id), decommission })
      },
      decommission: async ({ id }) => (await hub.devices.retire({ id })).decommission,
      async delete({ id }) {
        find(id)
        devices.delete(id)
      },
      count: async () => ({ devices: devices.size, connected: 0 }),
    },
    identity: {
      ...notFaked<Hub['identity']>(),
      rotate: async o => {
        asked.push(['rotate', o])
        return credentialOf(o.id, o.credential.kind)
      },
      addCredential: async ({ id, credential }) => credentialOf(id, credential.kind),
      async revokeCredential({ id, cid }) {
        const found = find(id).credentials.find(credential => credential.cid === cid)
        if (!found) throw new LoomError('CRED_NOT_FOUND', cid)
        found.status = 'revoked'
      },
    },
    pki: { ...notFaked<Hub['pki']>(), caCertificates: async () => ({ rootPem: 'ROOT', issuingPem: 'ISSUING' }) },
    audit: {
      ...notFaked<Hub['audit']>(),
      note: async o => void asked.push(['note', o]),
    },
    policies: notFaked<Hub['policies']>(),
    groups: notFaked<Hub['groups']>(),
    fleet: fakeFleet(asked, () => hub.fleetPages),
    models: notFaked(),
    schemas: Object.assign(notFaked<Hub['schemas']>(), { list: async () => ({ items: [] }) }),
    reference: notFaked<Hub['reference']>(),
    actions: notFaked<Hub['actions']>(),
    configurations: notFaked<Hub['configurations']>(),
    gateways: notFaked<Hub['gateways']>(),
    provisioning: notFaked<Hub['provisioning']>(),
    imports: notFaked<Hub['imports']>(),
    deviceHttp: notFaked<Hub['deviceHttp']>(),
    twins: notFaked<Hub['twins']>(),
    commands: notFaked<Hub['commands']>(),
    journal: {
      metrics: async () => ({}) as never,
      read: async ({ from, limit }) => records.filter(({ seq }) => seq >= from).slice(0, limit),
      consumers: async () => ({
        items: [...consumers.values()].map(consumer => {
          const { name, cursor, lag, inFlight, live } = consumer.state()
          return { name, position: cursor, lag, inFlight, inUse: live }
        }),
      }),
      async forget({ name, existing }) {
        if (consumers.has(name)) throw new LoomError('JOURNAL_CONSUMER_EXISTS', name)
        if (existing && !idle.delete(name)) throw new LoomError('NOT_FOUND', name)
      },
      pin: async () => {},
      deadLetters: async ({ limit, state }) => ({ items: letters.filter(one => !state || one.state === state).slice(0, limit) }),
      async replayDeadLetter({ id }) {
        const found = letter(id)
        const { device, topic, payload, consumer, stage, rule, node, properties: p } = found
        const times = ++found.replays
        found.state = 'replayed'
        const s = { [replayFor]: consumer ?? '', [replayOf]: JSON.stringify({ letter: id, times, stage, rule, node }) }
        const replay = consumer !== undefined && { flags: flags.replay, props: { v: 1 as const, p, s, e: {} } }
        return { seq: hub.append({ device, topic, payload, ...replay }).seq }
      },
      async addDeadLetter({ letter: again, ...one }) {
        if (hub.failing) throw hub.failing
        if (again !== undefined) {
          const { code, message, tries } = one
          Object.assign(letter(again), { code, message, tries: letter(again).tries + tries, state: 'open' })
          return { id: again }
        }
        const id = letters.length + 1
        letters.push({ ...one, id, at: 0, replays: 0, state: 'open' })
        return { id }
      },
      async replayDeadLetters(filter) {
        hub.lettersAsked.push(filter)
        return { replayed: 0, more: false }
      },
      async discardDeadLetter({ id }) {
        letter(id).state = 'discarded'
      },
    },
    telemetry: {
      inject: async () => ({ seq: 1 }),
      async store({ rows, duplicates }) {
        if (hub.failing) throw hub.failing
        hub.stored.push({ rows, duplicates })
        return { stored: rows.length, duplicates: 0 }
      },
    },
    query: {
      range: async query => {
        asked.push(['range', query])
        return hub.pages.shift() ?? empty
      },
      aggregate: async query => {
        asked.push(['aggregate', query])
        return hub.pages.shift() ?? empty
      },
      downsample: async query => {
        asked.push(['downsample', query])
        return hub.pages.shift() ?? empty
      },
      last: async query => {
        asked.push(['last', query])
        return hub.latest
      },
    },
    health: {
      async get() {
        if (hub.failing) throw hub.failing
        return health()
      },
      metrics: async () => ({ text: 'thingloom_up 1\n', warm: {} as never }),
    },
    async consume(spec, events) {
      if (consumers.has(spec.name)) throw new LoomError('JOURNAL_CONSUMER_EXISTS', spec.name)
      const consumer = fakeConsumer(spec, events, letters, () => {
        consumers.delete(spec.name)
        idle.add(spec.name)
      })
      consumers.set(spec.name, consumer)
      if (spec.start === 'earliest') for (const record of records) consumer.offer(record)
      return consumer
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      hub.closed = true
    },
  }
  return hub
}
