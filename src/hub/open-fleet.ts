import { kinds } from '../journal/journal-port.ts'
import { DynamicGroups } from '../topology/dynamic-groups.ts'
import type { FleetDialect } from '../topology/fleet-query/ast.ts'
import type { FleetQueryText } from '../topology/fleet-query/parse-query.ts'
import { readPaths } from '../topology/fleet-query/json.ts'
import { FleetIndex } from '../topology/fleet-index.ts'
import type { RuleMessage } from '../routing/message.ts'
import type { Groups } from '../topology/groups.ts'
import { LoomError } from '../errors.ts'
import type { AuditTrail } from './audit-trail.ts'
import { createFleetApi, idsOf } from './fleet-api.ts'
import { FleetFeed } from './fleet-feed.ts'
import type { FleetSources } from './fleet-load.ts'
import type { DevicesApi, DeviceView } from './hub.ts'
import type { JournalOutbox } from './journal-outbox.ts'
import type { HubLimits } from './options.ts'
import type { Problems } from './problems.ts'

export interface FleetParts extends Omit<FleetSources, 'groups'> {
  groups: FleetSources['groups'] & Pick<Groups, 'get'>
  outbox: Pick<JournalOutbox, 'write' | 'drain'>
  trail: Pick<AuditTrail, 'write'>
  problems: Problems
  limits: Pick<HubLimits, 'fleetIndexBytes' | 'fleetPaths'>
  now: () => number
}

export type Fleet = Awaited<ReturnType<typeof openFleet>>

/** The fleet index and the dynamic groups over it. It is loaded behind the start of the hub; questions wait for that. */
export async function openFleet(parts: FleetParts) {
  const { state, outbox, problems, limits, now } = parts
  const failed = (error: unknown): void => problems.watch('fleet index', Promise.reject(error))
  const index = new FleetIndex({
    maxBytes: limits.fleetIndexBytes,
    declared: readPaths(limits.fleetPaths),
    turn: () => new Promise(setImmediate),
    changed: (id, doc, keys) => groups.changed(id, doc, keys),
    reduced() {
      groups.reduced()
      const detail = `twins take more than ${limits.fleetIndexBytes} bytes of the fleet index: declared paths are left`
      problems.set('fleet index size', new LoomError('QUERY_LIMIT', detail, { hint: 'limits fleetIndexBytes, fleetPaths' }))
    },
  })
  const groups = await DynamicGroups.open({
    store: state,
    index,
    now,
    told: ({ device, ...event }) => {
      const props = { group: event.group, event: event.event }
      return outbox.write({ kind: kinds.membership, device, payload: event, props })
    },
    written() {
      problems.clear('fleet index')
      problems.watch('events of groups', outbox.drain())
    },
    failed,
    isStatic: async id => (await parts.groups.get(id)) !== undefined,
  })
  const feed = new FleetFeed({ ...parts, index, failed })
  let opened: Promise<void> | undefined
  let loaded = false
  const load = async (): Promise<void> => {
    await feed.load()
    await groups.start()
    loaded = true
  }
  /** A load that failed is tried again by who asks next. */
  const ready = (): Promise<void> => {
    opened ??= load().catch(error => {
      opened = undefined
      throw error
    })
    return opened
  }
  const settled = async (): Promise<void> => {
    await ready()
    await feed.settled()
  }
  const refuseDynamic = (id: string): void => {
    if (groups.has(id)) throw new LoomError('GROUP_DYNAMIC', `"${id}"`, { hint: 'put devices and policies into a static group' })
  }
  return {
    api: createFleetApi({ index, groups, trail: parts.trail, settled }),
    index,
    feed,
    /** Ids of devices that a query finds, by pages. QUERY_SYNTAX if it asks for columns. */
    ids: (o: FleetQueryText & { limit?: number; cursor?: string }) => idsOf({ index, groups, settled }, o),
    /** Loads everything stored. */
    ready,
    /** Resolves when the index has what was stored before. */
    settled,
    dynamicGroupsOf: (id: string): string[] => groups.memberships.groupsOf(id),
    /** GROUP_DYNAMIC for the id of a dynamic group, where only static ones will do. */
    refuseDynamic,
    /** Of a device, for rules; undefined where the index does not know all of it. */
    twinOf(id: string): RuleMessage['twin'] {
      const doc = !loaded || index.reduced ? undefined : index.get(id)
      return doc && { tags: doc.tags, properties: doc.twin }
    },
    /** Writes what could not be written before. */
    flush: () => groups.flush(),
    /** Devices by a query of one of the dialects. */
    async devices(
      devices: Pick<DevicesApi, 'get'>,
      { query, dialect, limit, cursor }: { query?: string; dialect: FleetDialect; limit?: number; cursor?: string },
    ): Promise<{ items: DeviceView[]; next?: string }> {
      const asked = { ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) }
      const { items, next } = await idsOf(
        { index, groups, settled },
        { dialect, ...(query !== undefined && { text: query }), ...asked },
      )
      const gone = (error: unknown): [] => {
        if (error instanceof LoomError && error.code === 'IDENTITY_NOT_FOUND') return []
        throw error
      }
      const views = await Promise.all(items.map(id => devices.get({ id }).catch(gone)))
      return { items: views.flat(), ...(next !== undefined && { next }) }
    },
  }
}
