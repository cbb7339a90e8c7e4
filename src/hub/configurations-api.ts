import { LoomError } from '../errors.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { keptQuery } from '../topology/dynamic-group.ts'
import type { FleetDoc } from '../topology/fleet-doc.ts'
import type { FleetIndex } from '../topology/fleet-index.ts'
import type { FleetCondition } from '../topology/fleet-query/ast.ts'
import { compileQuery, groupsReadBy, pathsOf } from '../topology/fleet-query/compile.ts'
import { parseCondition } from '../topology/fleet-query/parse-query.ts'
import {
  checkConfigurationId,
  checkedCanary,
  checkedDesired,
  checkedPriority,
  type Configuration,
  leavesOfConfiguration,
  maxConfigurations,
} from '../twin/configuration/configuration.ts'
import type { Rollout } from '../twin/configuration/rollout.ts'
import { standings } from '../twin/configuration/standing.ts'
import { sameJson } from '../twin/json.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { ConfigurationsApi, ConfigurationView } from './hub-configurations.ts'

const coll = 'configurations'

export interface ConfigurationsParts {
  state: StateStore
  trail: Pick<AuditTrail, 'write'>
  index: Pick<FleetIndex, 'check'>
  rollout: Rollout<FleetDoc>
  /** GROUP_DYNAMIC */
  refuseDynamic(group: string): void
  /** Resolves when configurations stored before are at work. */
  ready(): Promise<void>
  /** Configurations are others: resolves when all devices have been looked at. */
  changed(): Promise<void>
  /** Resolves when devices that changed have been looked at. */
  looked(): Promise<void>
  now: () => number
}

/** Configurations as people and flows ask for them; each change with its audit record. It must be the only writer of its collection. */
export async function openConfigurationsApi(parts: ConfigurationsParts): Promise<ConfigurationsApi> {
  const { state, trail, rollout, now } = parts
  await state.declare(coll, {})
  const known = new Map<string, { doc: Configuration; version: number }>()
  let queue: Promise<unknown> = Promise.resolve()

  const activate = (doc: Configuration, condition: FleetCondition): void => {
    if (doc.enabled) rollout.put({ ...doc, leaves: leavesOfConfiguration(doc), matches: compileQuery(condition) })
    else rollout.remove(doc.id)
  }
  const { items } = await state.query<Configuration>(coll, { limit: maxConfigurations })
  for (const { id, doc, version } of items) {
    known.set(id, { doc, version })
    activate(doc, parseCondition(doc))
  }

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(parts.ready).then(work)
    queue = turn.catch(() => {})
    return turn
  }
  const found = (id: string, etag?: string) => {
    const one = known.get(id)
    if (!one) throw new LoomError('CONFIGURATION_NOT_FOUND', JSON.stringify(String(id).slice(0, 80)))
    expect(id, one.version, etag)
    return one
  }
  const view = (id: string): ConfigurationView => {
    const { doc, version } = known.get(id)!
    return { ...structuredClone(doc), etag: String(version) }
  }
  const save = async (doc: Configuration, condition: FleetCondition, by: string | undefined, action: string): Promise<void> => {
    const { id, priority, canary, enabled, version, desired, dialect, text } = doc
    const detail = { priority, enabled, version, dialect, ...(text && { text }), ...(canary !== undefined && { canary }) }
    const write: Write = { op: 'put', coll, id, doc, version: known.get(id)?.version ?? 'new' }
    const audit = trail.write('state', { by, action, target: id, detail: { ...detail, desired: Object.keys(desired) } })
    const [stored = 0] = await state.tx([write, audit], by === undefined ? {} : { by })
    known.set(id, { doc, version: stored })
    activate(doc, condition)
    await parts.changed()
  }
  const checked = (condition: FleetCondition): FleetCondition => {
    const paths = pathsOf(condition)
    const own = paths.find(([root, section]) => root === 'twin' && section !== 'reported')
    if (own)
      throw new LoomError('CONFIGURATION_INVALID', `the query reads ${own.join('.').slice(0, 80)}, which configurations write`, {
        position: 'query',
        hint: 'ask for tags, attributes or what devices report',
      })
    for (const group of groupsReadBy(condition)) parts.refuseDynamic(group)
    parts.index.check(paths)
    return condition
  }

  return {
    put: ({ etag, by, ...o }) =>
      inOrder(async () => {
        const { id } = o
        checkConfigurationId(id)
        const before = known.get(id)
        expect(id, before?.version, etag)
        const condition = checked(parseCondition(o))
        const desired = checkedDesired(o.desired)
        const canary = checkedCanary(o.canary)
        const description = o.description?.slice(0, 1024)
        if (!before && known.size >= maxConfigurations)
          throw new LoomError('CONFIGURATION_LIMIT', `there are ${maxConfigurations} configurations`)
        const at = now()
        const same = before && sameJson(before.doc.desired, desired)
        const doc: Configuration = {
          id,
          ...(description !== undefined && { description }),
          priority: checkedPriority(o.priority ?? 0),
          ...keptQuery(o),
          desired,
          ...(canary !== undefined && { canary }),
          enabled: o.enabled ?? true,
          createdAt: before?.doc.createdAt ?? at,
          updatedAt: at,
          version: same ? before.doc.version : (before?.doc.version ?? 0) + 1,
        }
        await save(doc, condition, by, 'configuration.put')
        return view(id)
      }),

    get: async ({ id }) => {
      found(id)
      return view(id)
    },

    async list({ limit = 100, cursor }) {
      const ids = [...known.keys()].sort().filter(id => cursor === undefined || id > cursor)
      const page = ids.slice(0, limit)
      return { items: page.map(view), ...(ids.length > limit && { next: page.at(-1)! }) }
    },

    delete: ({ id, etag, by }) =>
      inOrder(async () => {
        const { version } = found(id, etag)
        const audit = trail.write('state', { by, action: 'configuration.delete', target: id })
        await state.tx([{ op: 'delete', coll, id, version }, audit], by === undefined ? {} : { by })
        known.delete(id)
        rollout.remove(id)
        await parts.changed()
      }),

    promote: ({ id, canary, etag, by }) =>
      inOrder(async () => {
        const { canary: before, ...doc } = found(id, etag).doc
        const share = checkedCanary(canary)
        if ((share ?? 100) < (before ?? 100))
          throw new LoomError('CONFIGURATION_INVALID', `a share of ${share} %: it has ${before ?? 100} %`, {
            position: 'canary',
            hint: 'promote to a larger one; put the configuration to take it from devices',
          })
        const next = { ...doc, ...(share !== undefined && { canary: share }), updatedAt: now() }
        await save(next, parseCondition(doc), by, 'configuration.promote')
        return view(id)
      }),

    async metrics({ id }) {
      await parts.ready()
      await parts.looked()
      found(id)
      return rollout.tally.metrics(id)
    },

    async devices({ id, state: wanted, limit = 100, cursor }) {
      if (wanted !== undefined && wanted !== 'conflict' && !standings.includes(wanted))
        throw new LoomError('REQUEST_INVALID', `state ${String(wanted).slice(0, 40)}`, { position: 'state' })
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
        throw new LoomError('REQUEST_INVALID', `limit ${String(limit).slice(0, 40)}: it is 1 to 1000`, { position: 'limit' })
      await parts.ready()
      await parts.looked()
      found(id)
      const devices = [...rollout.tally.devicesOf(id)]
        .filter(([device, { standing, lost }]) => {
          if (cursor !== undefined && device <= cursor) return false
          if (wanted === 'conflict') return lost.length > 0
          return wanted === undefined || standing === wanted || (wanted === 'applied' && standing === 'converged')
        })
        .sort(([a], [b]) => (a < b ? -1 : 1))
      const items = devices.slice(0, limit).map(([device, { standing, lost }]) => {
        const { error } = rollout.recordOf(device)
        return { device, standing, lost: [...lost], ...(standing === 'failed' && error && { error }) }
      })
      return { items, ...(devices.length > limit && { next: items.at(-1)!.device }) }
    },
  }
}

function expect(id: string, version: number | undefined, etag: string | undefined): void {
  if (etag === undefined || etag === String(version)) return
  const now = version === undefined ? 'does not exist' : `has etag ${version}`
  throw new LoomError('CONFIGURATION_CONFLICT', `"${id}" ${now}`, { hint: 'read the configuration again and repeat' })
}
