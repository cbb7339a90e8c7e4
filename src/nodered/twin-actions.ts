import { LoomError } from '../errors.ts'
import type { Hub, TwinView } from '../hub/hub.ts'
import { isSection } from '../twin/json.ts'

type Twins = Hub['twins']
export type TwinAnswer = TwinView | { device: string; name: string; deleted: true }

/** What is asked of the twin of one device. */
export interface TwinOrder {
  id: string
  /** of a named twin */
  name?: string
  payload: unknown
  /** as it was read */
  etag?: string
  version?: number
  by: string
}

/** What `loom-twin` does with one twin. Errors are the hub's, and TWIN_INVALID for a payload that says nothing. */
export const twinActions: Readonly<Record<string, (twins: Twins, order: TwinOrder) => Promise<TwinAnswer>>> = {
  get: (twins, { id, name }) => twins.get({ id, ...(name !== undefined && { name }) }),
  patch: (twins, { payload, ...o }) => twins.patch({ ...o, ...sectionsOf(payload) }),
  async replace(twins, { payload, ...o }) {
    const { desired, tags } = sectionsOf(payload)
    if (desired === null || tags === null)
      throw new LoomError('TWIN_INVALID', 'null in place of a section', { hint: '{} leaves nothing of it' })
    return twins.replace({ ...o, ...(desired && { desired }), ...(tags && { tags }) })
  },
  async delete(twins, { payload: _, ...o }) {
    await twins.delete(o)
    return { device: o.id, name: o.name ?? '', deleted: true }
  },
}

type Section = Record<string, unknown>
interface Sections {
  desired?: Section | null
  tags?: Section | null
}

/** Members of a twin as it was read, which may come back with its sections. */
const readOnly = ['device', 'name', 'delta', 'version', 'desiredVersion', 'reportedVersion', 'exists', 'etag', 'metadata']
/** All of a twin that was read, edited and sent back; `reported` alone would look as if it could be changed. */
const wasRead = (payload: Section): boolean => payload.reportedVersion !== undefined && payload.etag !== undefined
const hint = 'an object with desired, tags or both, or the desired properties themselves'

/** `{desired, tags}`, a twin as it was read, or else an object of desired properties. TWIN_INVALID. */
export function sectionsOf(payload: unknown): Sections {
  if (!isSection(payload)) throw new LoomError('TWIN_INVALID', `payload ${JSON.stringify(payload)?.slice(0, 40)}`, { hint })
  const { desired, tags } = payload
  if (desired === undefined && tags === undefined && payload.reported === undefined) return { desired: payload }
  const other = Object.keys(payload).find(
    key =>
      payload[key] !== undefined &&
      !['desired', 'tags', ...readOnly].includes(key) &&
      !(key === 'reported' && wasRead(payload) && (desired !== undefined || tags !== undefined)),
  )
  if (other !== undefined)
    throw new LoomError('TWIN_INVALID', `${JSON.stringify(other.slice(0, 40))} beside desired and tags`, {
      hint: other === 'reported' ? 'only the device reports: leave it out' : hint,
    })
  for (const [name, section] of Object.entries({ desired, tags }))
    if (section !== undefined && section !== null && !isSection(section))
      throw new LoomError('TWIN_INVALID', `${name} is no object`, { hint })
  return { ...(desired !== undefined && { desired }), ...(tags !== undefined && { tags }) } as Sections
}

/** What goes on as `msg.twin`. */
export const twinNote = ({ device, name, version, desiredVersion, reportedVersion, etag, delta }: TwinView) => ({
  device,
  name,
  version,
  desiredVersion,
  reportedVersion,
  etag,
  ...(delta && { delta }),
})

/**
 * The version that `msg.twin` has of an earlier read of this twin. Of another twin, or of an event of one, it says nothing about this. NODE_CONFIG for what is
 * no version.
 */
export function readVersion(
  read: unknown,
  { id, name = '' }: { id: string; name?: string },
): { etag?: string; version?: number } {
  if (!isSection(read) || read.section !== undefined) return {}
  if ((read.device !== undefined && read.device !== id) || (read.name !== undefined && read.name !== name)) return {}
  const { etag, version } = read
  if (etag !== undefined && typeof etag !== 'string') throw notRead('etag', etag)
  if (version !== undefined && !Number.isSafeInteger(version)) throw notRead('version', version)
  if (etag !== undefined) return { etag }
  return version === undefined ? {} : { version: version as number }
}

const notRead = (member: string, value: unknown): LoomError =>
  new LoomError('NODE_CONFIG', `msg.twin.${member} ${JSON.stringify(value)?.slice(0, 40)}`, {
    hint: 'as an earlier answer has it',
  })
