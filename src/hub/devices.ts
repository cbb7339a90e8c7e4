import { LoomError } from '../errors.ts'
import type { IdentityView, Registry } from '../identity/registry.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { checkedWrite } from '../storage/write.ts'
import { packTwin } from '../twin/stored-twin.ts'
import { tagsAfter } from '../twin/tags.ts'
import { newTwin } from '../twin/twin.ts'
import { devicesColl, twinsColl } from './collections.ts'
import { listDevices } from './device-list.ts'
import type { Deed } from './audit-trail.ts'
import type { Decommissions, RetireOptions } from './open-decommissions.ts'
import type { DevicesApi, DeviceView, HubEvent } from './hub.ts'
import { mergePatch } from './merge-patch.ts'
import type { Presence } from './presence.ts'
import type { InTurn } from './turns.ts'
import { twinDeletions, type TwinNews } from './twin-news.ts'

export { devicesColl, twinsColl }

interface Entity {
  tags: Record<string, unknown>
  attributes: Record<string, string>
}

const nothing: Entity = { tags: {}, attributes: {} }

export interface DevicesParts {
  registry: Registry
  state: StateStore
  presence: Presence
  now: () => number
  emit(event: HubEvent): void
  /** One change of a device at a time; shared with who else changes devices. */
  inTurn: InTurn
  /** Closes every live connection of the device; resolves when the sockets are closed. */
  drop(deviceId: string): Promise<void>
  /** Forgets stored sessions, queues and last values; telemetry stays until its retention ends. */
  purge(deviceId: string): Promise<void>
  /** Tags or attributes are others now. */
  described(deviceId: string): void
  /** Live sessions of the device have other rights now. */
  stateChanged(deviceId: string, state: DeviceView['state']): void
  /** A device goes: its memberships and policies with it. `settled` is to be called when the transaction ended, well or not. */
  leaving(deviceId: string): Promise<{ writes: Write[]; settled(committed: boolean): void }>
  /** What is done to a device that is retired, and what is left of it. */
  decommissions: Pick<Decommissions, 'begin' | 'again' | 'carryOut' | 'report' | 'cleared'>
  twins: TwinNews
  /** The audit record of a change, for its transaction. */
  audit(store: 'identities' | 'state', deed: Deed): Write
}

/** Registry, entity store, twin and connection of a device behind one face. */
export function createDevices(parts: DevicesParts): DevicesApi {
  const { registry, state, presence, now, emit, inTurn } = parts

  const viewOf = (
    identity: IdentityView,
    stored: Stored<Entity> | null | undefined,
    connection: DeviceView['connection'],
  ): DeviceView => {
    const { tags, attributes } = stored?.doc ?? nothing
    return { ...identity, etag: etagOf(identity, stored), tags, attributes, connection }
  }
  const view = async (identity: IdentityView, stored: Stored<Entity> | null): Promise<DeviceView> =>
    viewOf(identity, stored, await presence.view(identity.id))
  const found = async (id: string): Promise<IdentityView> => {
    const identity = await registry.get(id)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', id)
    return identity
  }
  const entityOf = (id: string): Promise<Stored<Entity> | null> => state.get<Entity>(devicesColl, id)
  const leave = async <T>(id: string, write: (also: readonly Write[]) => Promise<T>): Promise<T> => {
    const { writes, settled } = await parts.leaving(id)
    let committed = false
    try {
      const done = await write(writes)
      committed = true
      return done
    } finally {
      settled(committed)
    }
  }
  /** The device as an etag names it. IDENTITY_CONFLICT. */
  const asSeen = async (id: string, etag: string | undefined) => {
    const [before, entity] = [await found(id), await entityOf(id)]
    if (etag !== undefined && etag !== etagOf(before, entity)) throw conflict(id)
    return { before, entity }
  }
  const changeState = async (
    to: 'active' | 'quarantined',
    action: string,
    { id, reason, etag, by }: { id: string; reason?: string; etag?: string; by?: string },
  ): Promise<DeviceView> => {
    const { identity, entity } = await inTurn(id, async () => {
      const { before, entity } = await asSeen(id, etag)
      if (before.state === to) return { identity: before, entity }
      const identity = await registry.setState(id, {
        state: to,
        etag: before.etag,
        ...(reason !== undefined && { reason }),
        ...(by !== undefined && { by }),
        also: [parts.audit('identities', { by, action, target: id, detail: { reason } })],
      })
      return { identity, entity }
    })
    parts.stateChanged(id, to)
    tell(id, 'updated')
    return view(identity, entity)
  }
  const commitRetirement = async (
    { identity, telemetry, reason, by }: RetireOptions,
    known: string | undefined,
  ): Promise<void> => {
    const { id, etag } = identity
    const { write, committed } = await parts.decommissions.begin({ identity, telemetry, reason, by })
    await leave(id, also =>
      registry.setState(id, {
        state: 'retired',
        etag,
        ...(reason !== undefined && { reason }),
        ...(known !== undefined && { by: known }),
        also: [
          ...also,
          write,
          parts.audit('identities', { by: known, action: 'device.retire', target: id, detail: { reason, telemetry } }),
        ],
      }),
    )
    committed()
    tell(id, 'updated')
  }
  const tell = (id: string, change: 'created' | 'updated' | 'deleted'): void => emit({ type: 'device', id, change, at: now() })

  return {
    register: ({ id, credentials, tags = {}, attributes = {}, desired = {}, enabled = true, by }) =>
      inTurn(id, async () => {
        const entity: Entity = { tags: tagsAfter({}, objectOf(tags, 'tags')), attributes: stringsOf(attributes) }
        const twin = newTwin({ deviceId: id, name: '', desired, now: now() })
        await registry.check(id)
        // The identity comes last: only with it does the device exist, so a crash before leaves nothing that can connect or be listed.
        const documents = [
          { coll: devicesColl, id, doc: entity },
          { coll: twinsColl, id: `${id}|`, doc: packTwin(twin) },
        ]
        const author = by ?? 'hub'
        const news = parts.twins.writes(undefined, twin, author)
        const [version = 0] = await state.tx(
          [...documents.map((document): Write => ({ op: 'put', ...document })), ...news],
          by === undefined ? {} : { by },
        )
        try {
          const { identity, secrets } = await registry.register({
            id,
            enabled,
            ...(credentials && { credential: credentials }),
            ...(by !== undefined && { by }),
            also: [
              parts.audit('identities', {
                by,
                action: 'device.create',
                target: id,
                detail: { enabled, credential: credentials?.kind, tags, attributes },
              }),
            ],
          })
          tell(id, 'created')
          parts.twins.changed(undefined, twin, author)
          return { device: await view(identity, { id, doc: entity, version }), ...(secrets && { secrets }) }
        } catch (error) {
          await state.tx([...documents, ...news].map(({ coll, id }): Write => ({ op: 'delete', coll, id })))
          throw error
        }
      }),

    get: async ({ id }) => view(await found(id), await entityOf(id)),

    async list(o) {
      const { items, next } = await listDevices<Entity>({ coll: devicesColl, registry, state, presence }, o)
      const connections = await presence.views(items.map(({ identity }) => identity.id))
      const views = items.map(({ identity, stored }, i) => viewOf(identity, stored, connections[i]!))
      return { items: views, ...(next !== undefined && { next }) }
    },

    async update({ id, enabled, reason, tags, attributes, etag, by }) {
      const author = by === undefined ? {} : { by }
      const { identity, entity } = await inTurn(id, async () => {
        let identity = await found(id)
        let entity = await entityOf(id)
        if (etag !== undefined && etag !== etagOf(identity, entity)) throw conflict(id)
        const doc = (tags || attributes) && patched(entity?.doc ?? nothing, { tags, attributes })
        // Whatever can be refused is refused before the first of two stores is written.
        if (doc) checkedWrite({ op: 'put', coll: devicesColl, id, doc })
        if (enabled !== undefined && (enabled !== identity.enabled || reason !== undefined))
          identity = await registry.setEnabled(id, {
            enabled,
            ...(reason !== undefined && { reason }),
            ...(etag !== undefined && { etag: identity.etag }),
            ...author,
            also: [
              parts.audit('identities', {
                by,
                action: enabled ? 'device.enable' : 'device.disable',
                target: id,
                detail: { reason },
              }),
            ],
          })
        if (doc) {
          const [version = 0] = await state.tx(
            [
              { op: 'put', coll: devicesColl, id, doc, version: entity?.version ?? 'new' },
              parts.audit('state', { by, action: 'device.update', target: id, detail: { tags, attributes } }),
            ],
            author,
          )
          entity = { id, doc, version }
        }
        return { identity, entity }
      })
      if (enabled === false) await parts.drop(id)
      if (tags || attributes) parts.described(id)
      tell(id, 'updated')
      return view(identity, entity)
    },

    quarantine: o => changeState('quarantined', 'device.quarantine', o),
    release: o => changeState('active', 'device.release', o),
    retire: ({ id, telemetry = 'keep', reason, etag, by }) =>
      inTurn(id, async () => {
        const { before: identity, entity } = await asSeen(id, etag)
        const retirement = { identity, telemetry, reason, by: by ?? 'hub' }
        if (identity.state === 'retired') await parts.decommissions.again(retirement)
        else await commitRetirement(retirement, by)
        // A live connection keeps the rights it had for the moment that it takes to be closed.
        const decommission = await parts.decommissions.carryOut(id)
        return { ...(await view(await found(id), entity)), decommission }
      }),
    async decommission({ id }) {
      await found(id)
      return parts.decommissions.report(id)
    },

    delete: ({ id, by }) =>
      inTurn(id, async () => {
        await found(id)
        await leave(id, also =>
          registry.delete(id, {
            ...(by !== undefined && { by }),
            also: [...also, parts.audit('identities', { by, action: 'device.delete', target: id })],
          }),
        )
        await parts.drop(id)
        await parts.purge(id)
        await parts.decommissions.cleared(id)
        await presence.forget(id)
        await state.tx([{ op: 'delete', coll: devicesColl, id }, ...(await twinDeletions(state, id))])
        tell(id, 'deleted')
      }),

    async connections({ id, ...page }) {
      await found(id)
      return presence.history.list({ device: id, ...page })
    },

    count: async () => ({ devices: await registry.count(), connected: presence.devicesConnected }),
  }
}

function patched({ tags, attributes }: Entity, patch: { tags?: object | undefined; attributes?: object | undefined }): Entity {
  return {
    tags: patch.tags ? tagsAfter(tags, objectOf(patch.tags, 'tags')) : tags,
    attributes: patch.attributes ? stringsOf(mergePatch(attributes, patch.attributes)) : attributes,
  }
}

/** Identity and entity have a version each; the etag names both. */
const etagOf = (identity: IdentityView, entity: { version: number } | null | undefined): string =>
  `${identity.etag}-${entity?.version ?? 0}`

const conflict = (id: string): LoomError => new LoomError('IDENTITY_CONFLICT', id, { hint: 'read the device again and repeat' })

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LoomError('IDENTITY_INVALID', `${what} must be an object`)
  return value as Record<string, unknown>
}

function stringsOf(value: unknown): Record<string, string> {
  const attributes = objectOf(value, 'attributes')
  for (const [name, text] of Object.entries(attributes)) {
    if (typeof text !== 'string') throw new LoomError('IDENTITY_INVALID', `attribute ${name} must be a string`)
  }
  return attributes as Record<string, string>
}
