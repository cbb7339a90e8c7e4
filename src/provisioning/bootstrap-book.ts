import type { JsonWebKey } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import {
  type BootstrapDocument,
  type BootstrapEndpoint,
  type BootstrapPruning,
  bootstrapDocument,
  prunedBootstrap,
} from './bootstrap.ts'
import { invalidValue, isObject, jsonObject } from './enrolment-values.ts'
import { createSerial } from './fleet-provisioning-serial.ts'

/** What the hub knows of itself. */
export interface BootstrapFacts {
  endpoints: readonly BootstrapEndpoint[]
  /** of this run alone, such as a port that the system chose: told, not kept */
  passing: readonly BootstrapEndpoint[]
  /** PEM, one certificate each */
  cas: readonly string[]
  /** public key of wake-up tokens */
  wakeKey?: JsonWebKey
}

export interface BootstrapView extends BootstrapDocument {
  /** of what operators set */
  etag: string
}

export interface BootstrapWriting {
  /** PROV_CONFLICT if it is not the current one */
  etag?: string
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

/** The bootstrap document of a hub. What a device was told once is kept before it is told. STORE_LIMIT past 64 KiB. */
export interface BootstrapBook {
  read(): Promise<BootstrapView>
  /** Adds or replaces intervals (ms) and members of the configuration; none goes away. PROV_INVALID, PROV_CONFLICT. */
  set(change: { intervals?: unknown; configuration?: unknown }, o?: BootstrapWriting): Promise<BootstrapView>
  /** What the hub still says of itself comes back at once. PROV_INVALID, PROV_CONFLICT. */
  prune(what: BootstrapPruning, o?: BootstrapWriting): Promise<BootstrapView>
  /** Keeps what the hub says of itself now. */
  refresh(): Promise<void>
}

type Kept = Pick<BootstrapDocument, 'endpoints' | 'cas' | 'intervals' | 'configuration'>

const coll = 'bootstrap'
const mostIntervals = 50

/** It must be the only writer of its collection. `changed`: devices that listen are to be told. */
export async function openBootstrap(o: {
  store: StateStore
  facts: () => BootstrapFacts
  now: () => number
  changed: () => void
}): Promise<BootstrapBook> {
  const { store, now } = o
  await store.declare(coll, {})
  const facts = await store.get<Pick<Kept, 'endpoints' | 'cas'>>(coll, 'facts')
  const settings = await store.get<Pick<Kept, 'intervals' | 'configuration'>>(coll, 'settings')
  let kept: Kept = { endpoints: [], cas: [], intervals: {}, configuration: {}, ...facts?.doc, ...settings?.doc }
  let version = settings?.version ?? 0
  const serial = createSerial()

  const grown = (next: Partial<Kept> = {}, before: Kept = kept): Kept => {
    const { endpoints, cas } = o.facts()
    const { intervals = {}, configuration = {} } = next
    const previous = { v: 1, time: 0, timeUtc: '', ...before } as const
    return partsOf(bootstrapDocument({ endpoints, cas, now: now(), intervals, configuration }, previous))
  }
  const viewOf = (): BootstrapView => {
    const { endpoints, passing, cas, wakeKey } = o.facts()
    const previous = { v: 1, time: 0, timeUtc: '', ...kept } as const
    const present = { endpoints: [...endpoints, ...passing], cas, now: now(), intervals: {}, configuration: {} }
    return { ...bootstrapDocument(present, previous), ...(wakeKey && { wakeKey }), etag: String(version) }
  }
  const keep = async (next: Kept, { by = 'hub', also = [] }: BootstrapWriting = {}): Promise<void> => {
    const { endpoints, cas, intervals, configuration } = next
    const set = !same({ intervals, configuration }, { intervals: kept.intervals, configuration: kept.configuration })
    const writes: Write[] = [{ op: 'put', coll, id: 'facts', doc: { endpoints, cas } }]
    if (set) writes.push({ op: 'put', coll, id: 'settings', doc: { intervals, configuration }, version: version || 'new' })
    const versions = await store.tx([...writes, ...also], { by })
    if (set) version = versions[1]!
    kept = next
    o.changed()
  }
  const refresh = async (): Promise<void> => {
    const next = grown()
    if (!same(next, kept)) await keep(next)
  }
  const written = (make: () => Kept, writing: BootstrapWriting = {}): Promise<BootstrapView> =>
    serial(async () => {
      if (writing.etag !== undefined && writing.etag !== String(version)) throw conflict()
      const next = make()
      try {
        if (!same(next, kept)) await keep(next, writing)
        return viewOf()
      } catch (error) {
        throw isConflict(error) ? conflict(error) : error
      }
    })

  return {
    read: () =>
      serial(async () => {
        await refresh()
        return viewOf()
      }),
    set: (change, writing) => written(() => grown(checkedSettings(change)), writing),
    prune: (what, writing) =>
      written(() => {
        const before = { v: 1, time: 0, timeUtc: '', ...kept } as const
        return grown({}, partsOf(prunedBootstrap(before, checkedPruning(what))))
      }, writing),
    refresh: () => serial(refresh),
  }
}

const partsOf = ({ endpoints, cas, intervals, configuration }: BootstrapDocument): Kept => ({
  endpoints,
  cas,
  intervals,
  configuration,
})

const same = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other)

const conflict = (cause?: unknown): LoomError =>
  new LoomError('PROV_CONFLICT', 'the bootstrap document', { hint: 'read it again', ...(cause !== undefined && { cause }) })

function checkedSettings({ intervals = {}, configuration = {} }: { intervals?: unknown; configuration?: unknown }) {
  const entries = isObject(intervals) ? Object.entries(intervals) : undefined
  const fits = ([name, ms]: [string, unknown]) =>
    /^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(name) && Number.isSafeInteger(ms) && (ms as number) >= 0
  if (!entries || entries.length > mostIntervals || !entries.every(fits))
    throw invalidValue('intervals', `it is an object of at most ${mostIntervals} names with milliseconds`)
  return { intervals: intervals as Record<string, number>, configuration: jsonObject(configuration, 'configuration') }
}

function checkedPruning(what: BootstrapPruning): BootstrapPruning {
  for (const [member, list] of Object.entries(what)) {
    const fits = (one: unknown) =>
      member === 'endpoints'
        ? isObject(one) && typeof one.kind === 'string' && typeof one.address === 'string'
        : typeof one === 'string'
    if (!['cas', 'endpoints', 'intervals', 'configuration'].includes(member) || !Array.isArray(list) || !list.every(fits))
      throw invalidValue(
        member.slice(0, 80),
        'lists are cas (PEM), endpoints ({kind, address}), intervals and configuration (names)',
      )
  }
  return what
}
