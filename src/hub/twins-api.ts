import { LoomError } from '../errors.ts'
import { deltaOf } from '../twin/diff.ts'
import type { Twin } from '../twin/document.ts'
import { isSection, own, type TwinSection } from '../twin/json.ts'
import { mainTwin, nameOfTwin } from '../twin/names.ts'
import type { Stamp } from '../twin/stamp.ts'
import type { TwinChanging, TwinMetadata, TwinsApi, TwinView } from './hub-twins.ts'
import type { TagsChange, Twins } from './twins.ts'

/** Twins as people and flows ask for them. */
export function createTwinsApi(twins: Twins): TwinsApi {
  const view = async (twin: Twin, metadata = false): Promise<TwinView> => {
    const { deviceId: device, name, desired, reported, meta, version, desiredVersion, reportedVersion, exists } = twin
    const tags = name === mainTwin ? await twins.tagsOf(device) : undefined
    const delta = deltaOf(twin)
    return {
      device,
      name,
      desired,
      reported,
      ...(delta && { delta: delta.state }),
      ...(tags && { tags: tags.tags }),
      version,
      desiredVersion,
      reportedVersion,
      exists,
      ...(metadata && {
        metadata: { desired: metadataOf(desired, meta.desired), reported: metadataOf(reported, meta.reported) },
      }),
      etag: etagOf(twin, tags?.version),
    }
  }
  const need = async (id: string, name: string): Promise<Twin> => {
    const twin = await twins.get(id, name)
    if (!twin) throw new LoomError('TWIN_NOT_FOUND', `"${name}" of "${id}"`)
    return twin
  }
  const requestOf = ({ id, name, etag, version, by = 'hub' }: TwinChanging) => {
    const expected = partsOf(etag)
    return {
      deviceId: id,
      name: nameOfTwin(name),
      by,
      ...(expected.twin !== undefined && { etag: expected.twin }),
      ...(expected.tags !== undefined && { tagsVersion: expected.tags }),
      ...(version !== undefined && { version }),
    }
  }
  const tagsOf = ({ name, tags }: { name?: string; tags?: TwinSection | null }, replace: boolean): TagsChange | undefined => {
    if (tags === undefined) return undefined
    if (name) throw new LoomError('TWIN_INVALID', `tags of "${name}"`, { hint: 'tags belong to the main twin' })
    return { patch: tags, replace }
  }
  const onlyTags = async (o: TwinChanging, tags: TagsChange): Promise<TwinView> => {
    const { deviceId, by, name, tagsVersion, ...expected } = requestOf(o)
    const now = await need(deviceId, name)
    if ((expected.etag ?? now.etag) !== now.etag || (expected.version ?? now.version) !== now.version)
      throw new LoomError('TWIN_VERSION_CONFLICT', `twin of "${deviceId}"`, { hint: 'read the twin and try again' })
    await twins.writeTags({ deviceId, by, tags, ...(tagsVersion !== undefined && { tagsVersion }) })
    return view(await need(deviceId, name))
  }

  return {
    get: async ({ id, name, metadata }) => view(await need(id, nameOfTwin(name)), metadata),

    list: async ({ id }) => ({ items: await Promise.all((await twins.all(id)).map(twin => view(twin))) }),

    async patch({ desired, ...o }) {
      const request = requestOf(o)
      const tags = tagsOf(o, false)
      if (desired === undefined) return tags ? onlyTags(o, tags) : view(await need(o.id, request.name))
      return view((await twins.update({ ...request, patch: { desired }, ...(tags && { tags }) })).doc)
    },

    async replace({ desired, ...o }) {
      const request = requestOf(o)
      const tags = tagsOf(o, true)
      if (desired === undefined) return tags ? onlyTags(o, tags) : view(await need(o.id, request.name))
      return view((await twins.replaceDesired({ ...request, desired, ...(tags && { tags }) })).doc)
    },

    report: async ({ reported, ...o }) => view((await twins.update({ ...requestOf(o), patch: { reported } })).doc),

    delete: async o => void (await twins.remove(requestOf(o))),
  }
}

/** Twin and tags have a version each; the etag of a main twin names both. */
const etagOf = ({ etag }: { etag: string }, tags: number | undefined): string => (tags === undefined ? etag : `${etag}.${tags}`)

function partsOf(etag: string | undefined): { twin?: string; tags?: number } {
  if (etag === undefined) return {}
  const [, twin, tags] = /^(\d+)(?:\.(\d+))?$/.exec(etag) ?? []
  if (twin === undefined) throw new LoomError('TWIN_VERSION_CONFLICT', `etag ${JSON.stringify(etag.slice(0, 40))}`)
  return { twin, ...(tags !== undefined && { tags: Number(tags) }) }
}

function metadataOf(value: unknown, stamp: Stamp): TwinMetadata {
  const metadata: TwinMetadata = { $at: stamp.t, $version: stamp.v }
  if (isSection(value)) for (const key of Object.keys(value)) metadata[key] = metadataOf(value[key], own(stamp.of, key) ?? stamp)
  return metadata
}
