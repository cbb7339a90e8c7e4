import { LoomError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { tagsEvents, twinEvents } from '../twin/change-event.ts'
import { checkedSection } from '../twin/check.ts'
import { deleteDocument } from '../twin/delete.ts'
import { noDocument, type Twin } from '../twin/document.ts'
import type { TwinSection } from '../twin/json.ts'
import { patchBetween } from '../twin/merge.ts'
import { mainTwin, twinId } from '../twin/names.ts'
import { namedTwins, type TwinProfile } from '../twin/profiles.ts'
import { packTwin, type StoredTwin, unpackTwin } from '../twin/stored-twin.ts'
import { tagsAfter } from '../twin/tags.ts'
import { applyUpdate, type ExpectedVersions, type TwinPatch, type TwinUpdate } from '../twin/update.ts'
import type { Deed } from './audit-trail.ts'
import { devicesColl, twinsColl } from './devices.ts'
import type { JournalOutbox } from './journal-outbox.ts'
import type { TwinModels } from './model-checks.ts'
import type { InTurn } from './turns.ts'
import { eventWrites } from './twin-news.ts'

/** A change that is on disk, for those who tell devices. */
export type TwinChange = {
  deviceId: string
  name: string
  by: string
  at: number
  /** the connection that asked for it */
  origin?: string
  /** to be echoed to devices of AWS's dialect */
  clientToken?: string
} & ({ kind: 'update'; update: TwinUpdate<Twin> } | { kind: 'delete'; before: Twin; after: Twin })

export interface TwinsParts {
  state: StateStore
  findDevice(id: string): Promise<Pick<Identity, 'id' | 'state'> | undefined>
  outbox: Pick<JournalOutbox, 'write'>
  audit(deed: Deed): Write
  /** One change of a device at a time; shared with who else changes devices. */
  inTurn: InTurn
  now: () => number
  /** Called in the order of the changes of a device, once they are on disk. */
  changed(change: TwinChange): void
  models?: TwinModels
  /** Tags are others now. */
  described(deviceId: string, by: string): void
}

interface Entity {
  tags: TwinSection
  attributes: Record<string, string>
}

export interface TwinRequest extends ExpectedVersions {
  deviceId: string
  /** of the device's document with the tags, as it was read */
  tagsVersion?: number
  name?: string
  by?: string
  origin?: string
  clientToken?: string
}

/** Of the tags of the device, which belong to its main twin. */
export interface TagsChange {
  /** a merge patch, null for none at all */
  patch: TwinSection | null
  /** it is all there shall be */
  replace?: boolean
}

const tries = 3
/** A larger patch is in the audit log by the names of its members alone: what it held is in the events of the twin. */
const auditedChars = 2048

/** The twins of all devices, on disk. Everything that changes one goes through here, so that devices and flows hear of it. */
export function createTwins(parts: TwinsParts) {
  const { state, inTurn, now } = parts

  const deviceOf = async (id: string, changing = true): Promise<void> => {
    const device = await parts.findDevice(id)
    if (!device) throw new LoomError('IDENTITY_NOT_FOUND', id)
    if (changing && device.state === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${id}"`)
  }
  const read = async (deviceId: string, name: string): Promise<Stored<Twin> | null> => {
    const stored = await state.get<StoredTwin>(twinsColl, twinId(deviceId, name))
    return stored && { ...stored, doc: unpackTwin(stored.doc) }
  }
  const named = (deviceId: string): Promise<{ items: Stored<StoredTwin>[] }> =>
    state.query<StoredTwin>(twinsColl, { where: [['id', 'prefix', `${deviceId}|`]], limit: namedTwins + 2 })
  const checkRoom = async (deviceId: string, name: string): Promise<void> => {
    if (name === mainTwin) return
    const { items } = await named(deviceId)
    if (items.filter(({ doc }) => doc.name !== mainTwin).length < namedTwins) return
    throw new LoomError('TWIN_LIMIT', `"${deviceId}" has ${namedTwins} named twins`, { hint: 'device twins are few and lasting' })
  }
  const audited = (deviceId: string, by: string, action: string, detail: Record<string, unknown>): Write[] => {
    // What devices say of themselves is telemetry of theirs, not an administrator's deed.
    if (by === ownAuthor(deviceId)) return []
    const small = JSON.stringify(detail).length <= auditedChars
    return [parts.audit({ by, action, target: deviceId, detail: small ? detail : namesOf(detail) })]
  }
  /** Another process of ours (an import) may have written between: read and try again. */
  const retried = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let left = tries; ; left--) {
      try {
        return await work()
      } catch (error) {
        if (left === 1 || !(error instanceof LoomError && error.code === 'STORE_VERSION_CONFLICT')) throw error
      }
    }
  }

  const planTags = async (
    deviceId: string,
    change: TagsChange | undefined,
    { by, version }: { by: string; version: number | undefined },
  ): Promise<Write[]> => {
    if (!change && version === undefined) return []
    const stored = await state.get<Entity>(devicesColl, deviceId)
    if (version !== undefined && version !== (stored?.version ?? 0))
      throw new LoomError('TWIN_VERSION_CONFLICT', `tags of "${deviceId}"`, { hint: 'read the twin and try again' })
    if (!change) return []
    const before = stored?.doc ?? { tags: {}, attributes: {} }
    const tags = tagsAfter(before.tags, change.patch, change)
    const events = tagsEvents(before.tags, tags, { by, at: now() })
    if (!events.length) return []
    const doc: Entity = { ...before, tags }
    return [
      { op: 'put', coll: devicesColl, id: deviceId, doc, version: stored?.version ?? 'new' },
      ...eventWrites(parts.outbox, deviceId, events),
    ]
  }

  const update = (
    request: TwinRequest & {
      profile?: TwinProfile
      patchOf(before: Twin): TwinPatch
      tags?: TagsChange
      also?: readonly Write[]
    },
  ): Promise<TwinUpdate<Twin>> => {
    const {
      deviceId,
      name = mainTwin,
      by = ownAuthor(deviceId),
      origin,
      clientToken,
      profile,
      patchOf,
      tags,
      tagsVersion,
      also = [],
      ...expected
    } = request
    return inTurn(deviceId, () =>
      retried(async () => {
        await deviceOf(deviceId)
        const stored = await read(deviceId, name)
        if (!stored) await checkRoom(deviceId, name)
        const at = now()
        const before = stored?.doc ?? { deviceId, name, tags: {}, ...noDocument(at) }
        const given = patchOf(before)
        const patch = (await parts.models?.expanded(deviceId, name, given)) ?? given
        const made = applyUpdate(before, patch, { ...expected, now: at, ...(profile && { profile }) })
        await parts.models?.check(deviceId, name, made)
        const tagged = await planTags(deviceId, tags, { by, version: tagsVersion })
        await state.tx(
          [
            {
              op: 'put',
              coll: twinsColl,
              id: twinId(deviceId, name),
              doc: packTwin(made.doc),
              version: stored?.version ?? 'new',
            },
            ...eventWrites(parts.outbox, deviceId, twinEvents(before, made.doc, { name, by, at })),
            ...tagged,
            ...audited(deviceId, by, 'twin.update', { ...(name && { name }), ...patch, ...(tags && { tags: tags.patch }) }),
            ...also,
          ],
          { by },
        )
        parts.changed({ kind: 'update', deviceId, name, by, at, ...told({ origin, clientToken }), update: made })
        if (tagged.length) parts.described(deviceId, by)
        return made
      }),
    )
  }

  return {
    /** IDENTITY_NOT_FOUND; undefined: no twin of that name. */
    async get(deviceId: string, name: string = mainTwin): Promise<Twin | undefined> {
      await deviceOf(deviceId, false)
      const stored = await read(deviceId, name)
      if (stored) return stored.doc
      return name === mainTwin ? { deviceId, name, tags: {}, ...noDocument(now()) } : undefined
    },

    /** The main one first. */
    async all(deviceId: string): Promise<Twin[]> {
      await deviceOf(deviceId, false)
      const { items } = await named(deviceId)
      return items.map(({ doc }) => unpackTwin(doc))
    },

    async tagsOf(deviceId: string): Promise<{ tags: TwinSection; version: number }> {
      const stored = await state.get<Entity>(devicesColl, deviceId)
      return { tags: stored?.doc.tags ?? {}, version: stored?.version ?? 0 }
    },

    /** A merge patch of the sections; `also`: writes of the same transaction. Codes of `applyUpdate`, IDENTITY_NOT_FOUND, IDENTITY_RETIRED. */
    update: (
      o: TwinRequest & { patch: TwinPatch; profile?: TwinProfile; tags?: TagsChange; also?: readonly Write[] },
    ): Promise<TwinUpdate<Twin>> => {
      const { patch, ...request } = o
      return update({ ...request, patchOf: () => patch })
    },

    /** Other desired properties as a whole. */
    replaceDesired: ({
      desired,
      ...request
    }: TwinRequest & { desired: TwinSection; tags?: TagsChange }): Promise<TwinUpdate<Twin>> => {
      const wanted = checkedSection(desired, 'desired')
      return update({ ...request, patchOf: before => ({ desired: patchBetween(before.desired, wanted) }) })
    },

    /** TWIN_NOT_FOUND if devices of AWS's dialect see none. Its version at deletion. */
    remove: ({ deviceId, name = mainTwin, by = ownAuthor(deviceId), origin, clientToken, ...expected }: TwinRequest) =>
      inTurn(deviceId, () =>
        retried(async () => {
          await deviceOf(deviceId)
          const stored = await read(deviceId, name)
          if (!stored) throw new LoomError('TWIN_NOT_FOUND', name)
          const at = now()
          const before = stored.doc
          const after = deleteDocument(before, { ...expected, now: at })
          await state.tx(
            [
              { op: 'put', coll: twinsColl, id: stored.id, doc: packTwin(after), version: stored.version },
              ...eventWrites(parts.outbox, deviceId, twinEvents(before, after, { name, by, at })),
              ...audited(deviceId, by, 'twin.delete', { ...(name && { name }) }),
            ],
            { by },
          )
          const who = {
            deviceId,
            name,
            by,
            at,
            ...(origin !== undefined && { origin }),
            ...(clientToken !== undefined && { clientToken }),
          }
          parts.changed({ kind: 'delete', ...who, before, after })
          return before
        }),
      ),

    /** Tags alone: a merge patch, null for none, or all of them. */
    writeTags: ({ deviceId, by, tags, tagsVersion }: { deviceId: string; by: string; tags: TagsChange; tagsVersion?: number }) =>
      inTurn(deviceId, () =>
        retried(async () => {
          await deviceOf(deviceId)
          const writes = await planTags(deviceId, tags, { by, version: tagsVersion })
          if (!writes.length) return
          await state.tx([...writes, ...audited(deviceId, by, 'device.update', { tags: tags.patch })], { by })
          parts.described(deviceId, by)
        }),
      ),
  }
}

export type Twins = ReturnType<typeof createTwins>

const told = ({ origin, clientToken }: { origin: string | undefined; clientToken: string | undefined }) => ({
  ...(origin !== undefined && { origin }),
  ...(clientToken !== undefined && { clientToken }),
})

/** Who a device's own changes are by. */
export const ownAuthor = (deviceId: string): string => `device ${deviceId}`

const namesOf = (detail: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [
      name,
      typeof value === 'object' && value ? { members: Object.keys(value).slice(0, 50) } : value,
    ]),
  )
