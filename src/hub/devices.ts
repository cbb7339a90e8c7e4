import { LoomError } from '../errors.ts'
import type { IdentityView, Registry } from '../identity/registry.ts'
import { matches as matchesDocument, planQuery } from '../storage/query.ts'
import type { Page, StateStore, Stored } from '../storage/state-store.ts'
import { newTwin } from '../twin/twin.ts'
import { parseDeviceQuery } from './device-query.ts'
import type { DevicesApi, DeviceView, HubEvent } from './hub.ts'
import { mergePatch } from './merge-patch.ts'
import type { Presence } from './presence.ts'

export const devicesColl = 'devices'
export const twinsColl = 'twins'
const pagesScanned = 20

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
  /** Closes every live connection of the device; resolves when the sockets are closed. */
  drop(deviceId: string): Promise<void>
  /** Forgets stored sessions, queues and last values; telemetry stays until its retention ends. */
  purge(deviceId: string): Promise<void>
}

/** Registry, entity store, twin and connection of a device behind one face. */
export function createDevices(parts: DevicesParts): DevicesApi {
  const { registry, state, presence, now, emit } = parts
  const registering = new Set<string>()

  const view = async (identity: IdentityView, known?: Stored<Entity>): Promise<DeviceView> => {
    const stored = known ?? (await state.get<Entity>(devicesColl, identity.id))
    const { tags, attributes } = stored?.doc ?? nothing
    return { ...identity, etag: etagOf(identity, stored), tags, attributes, connection: await presence.view(identity.id) }
  }
  const found = async (id: string): Promise<IdentityView> => {
    const identity = await registry.get(id)
    if (!identity) throw new LoomError('IDENTITY_NOT_FOUND', id)
    return identity
  }
  const tell = (id: string, change: 'created' | 'updated' | 'deleted'): void => emit({ type: 'device', id, change, at: now() })

  return {
    async register({ id, credentials, tags = {}, attributes = {}, desired = {}, enabled = true, by }) {
      const entity: Entity = { tags: objectOf(tags, 'tags'), attributes: stringsOf(attributes) }
      const twin = newTwin({ deviceId: id, name: '', desired, now: now() })
      if (registering.has(id)) throw new LoomError('IDENTITY_EXISTS', id)
      registering.add(id)
      try {
        await registry.check(id)
        // The identity comes last: only with it does the device exist, so a crash before leaves nothing that can connect or be listed.
        const documents = [
          { coll: devicesColl, id, doc: entity },
          { coll: twinsColl, id: `${id}|`, doc: twin },
        ]
        const [version = 0] = await state.tx(
          documents.map(document => ({ op: 'put', ...document })),
          by === undefined ? {} : { by },
        )
        try {
          const { identity, secrets } = await registry.register({
            id,
            enabled,
            ...(credentials && { credential: credentials }),
            ...(by !== undefined && { by }),
          })
          tell(id, 'created')
          return { device: await view(identity, { id, doc: entity, version }), ...(secrets && { secrets }) }
        } catch (error) {
          await state.tx(documents.map(({ coll, id }) => ({ op: 'delete', coll, id })))
          throw error
        }
      } finally {
        registering.delete(id)
      }
    },

    get: async ({ id }) => view(await found(id)),

    async list({ query = '', limit = 100, cursor }) {
      const { where, wanted, matches } = parseDeviceQuery(query)
      const items: DeviceView[] = []
      if (wanted.connected) {
        // The few that are connected, not the many that might be.
        const plan = planQuery({ where, scan: true }, new Set())
        for (const id of [...presence.connectedIds].filter(id => !cursor || id > cursor).sort()) {
          const [identity, stored] = await Promise.all([registry.get(id), state.get<Entity>(devicesColl, id)])
          if (!identity || !matchesDocument(plan, id, stored?.doc ?? nothing)) continue
          if (!matches({ enabled: identity.enabled, connected: true })) continue
          if (items.length === limit) return { items, next: items.at(-1)!.id }
          items.push(await view(identity, stored ?? undefined))
        }
        return { items }
      }
      let from = cursor
      for (let pages = 0; pages < pagesScanned && items.length < limit; pages++) {
        const page: Page<Entity> = await state.query<Entity>(devicesColl, {
          where,
          scan: true,
          limit: Math.min(limit - items.length, 1000),
          ...(from && { cursor: from }),
        })
        for (const stored of page.items) {
          const identity = await registry.get(stored.id)
          if (identity && matches({ enabled: identity.enabled, connected: presence.isConnected(stored.id) }))
            items.push(await view(identity, stored))
        }
        from = page.next
        if (!from) break
      }
      return { items, ...(from && { next: from }) }
    },

    async update({ id, enabled, reason, tags, attributes, etag, by }) {
      const before = await found(id)
      const entity = await state.get<Entity>(devicesColl, id)
      if (etag !== undefined && etag !== etagOf(before, entity)) throw conflict(id)
      if (tags || attributes) {
        const patch = { ...(tags && { tags }), ...(attributes && { attributes }) }
        await patchEntity(id, patch, {
          ...(by !== undefined && { by }),
          ...(etag !== undefined && { version: entity?.version ?? 0 }),
        })
      }
      let identity = before
      if (enabled !== undefined && (enabled !== before.enabled || reason !== undefined)) {
        identity = await registry.setEnabled(id, {
          enabled,
          ...(reason !== undefined && { reason }),
          ...(by !== undefined && { by }),
        })
        if (!enabled) await parts.drop(id)
      }
      tell(id, 'updated')
      return view(identity)
    },

    async delete({ id, by }) {
      await found(id)
      await registry.delete(id, by === undefined ? {} : { by })
      await parts.drop(id)
      await parts.purge(id)
      await presence.forget(id)
      await state.tx([
        { op: 'delete', coll: devicesColl, id },
        { op: 'delete', coll: twinsColl, id: `${id}|` },
      ])
      tell(id, 'deleted')
    },

    count: async () => ({ devices: await registry.count(), connected: presence.devicesConnected }),
  }

  /** `version`: only if the entity still has it. */
  async function patchEntity(
    id: string,
    patch: { tags?: object; attributes?: object },
    o: { by?: string; version?: number },
  ): Promise<void> {
    for (let tries = 0; ; tries++) {
      const stored = await state.get<Entity>(devicesColl, id)
      if (o.version !== undefined && o.version !== (stored?.version ?? 0)) throw conflict(id)
      const { tags, attributes } = stored?.doc ?? nothing
      const doc: Entity = {
        tags: patch.tags ? (mergePatch(tags, objectOf(patch.tags, 'tags')) as Entity['tags']) : tags,
        attributes: patch.attributes ? stringsOf(mergePatch(attributes, patch.attributes)) : attributes,
      }
      try {
        await state.put(devicesColl, id, doc, { version: stored?.version ?? 'new', ...(o.by !== undefined && { by: o.by }) })
        return
      } catch (error) {
        if (!(error instanceof LoomError && error.code === 'STORE_VERSION_CONFLICT') || tries >= 5) throw error
      }
    }
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
