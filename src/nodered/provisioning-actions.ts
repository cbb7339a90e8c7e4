import { LoomError } from '../errors.ts'
import type { Hub, WaitingDevice } from '../hub/hub.ts'
import type { EnrolmentRequest } from '../provisioning/enrolment.ts'

type Members = Record<string, unknown>
type Provisioning = Hub['provisioning']

export interface ProvisioningAnswer {
  /** never with a secret */
  payload: unknown
  /** key material that was made: once */
  keys?: object
  /** cursor of the next page */
  next?: string
}
type Action = (provisioning: Provisioning, payload: unknown, by: string) => Promise<ProvisioningAnswer>

/** The hub adds so many entries at once. */
const mostEntries = 500
/** The hub's pages of waiting devices may be empty with a next one. */
const mostPages = 20

/** What `loom-provision` can do besides answering. Errors are the hub's, and PROV_INVALID for a payload that names nothing. */
export const provisioningActions: Readonly<Record<string, Action>> = {
  async enrol(provisioning, payload, by) {
    const made = await provisioning.createEnrolment({ enrolment: membersOf(payload) as unknown as EnrolmentRequest, by })
    const { enrolment, secrets } = made
    return { payload: enrolment, ...(secrets && { keys: { enrolment: enrolment.id, ...secrets } }) }
  },

  async claim(provisioning, payload, by) {
    const { id, trusted, ...settings } = membersOf(payload)
    const { claim, secrets, caPem } =
      trusted === true
        ? await provisioning.createTrustedClaim({ ...(settings as { template: string }), by })
        : await provisioning.createClaim({ id: id as string, settings, by })
    const { templates } = claim
    return { payload: claim, ...(secrets && { keys: { claim: claim.id, templates, ...secrets, caPem } }) }
  },

  async pair(provisioning, payload, by) {
    const { deviceId, template, parameters } = typeof payload === 'string' ? { deviceId: payload } : membersOf(payload)
    const target = Object.entries({ deviceId, template, parameters }).filter(([, value]) => value !== undefined)
    const { pairing, code } = await provisioning.createPairing({ ...Object.fromEntries(target), by })
    return { payload: pairing, keys: { pairing: pairing.id, code, expiresAt: pairing.expiresAt } }
  },

  /** Flows say what shall be: a template that exists is changed. */
  async template(provisioning, payload, by) {
    const { name, ...settings } = membersOf(payload)
    try {
      return { payload: await provisioning.createTemplate({ name: name as string, settings, by }) }
    } catch (thrown) {
      if (!isKnown(thrown)) throw thrown
      return { payload: await provisioning.updateTemplate({ name: name as string, change: settings, by }) }
    }
  },

  async allow(provisioning, payload, by) {
    const { list, entries } = membersOf(payload) as { list?: string; entries?: unknown }
    if (!Array.isArray(entries)) throw new LoomError('PROV_INVALID', 'entries', { hint: 'a list of serials or {serial, ..}' })
    const name = list as string
    await provisioning.createAllowList({ name, by }).catch(thrown => (isKnown(thrown) ? undefined : Promise.reject(thrown)))
    const all = entries.map(entry => (typeof entry === 'string' ? { serial: entry } : entry))
    const sum = { list: name, added: 0, replaced: 0 }
    for (let at = 0; at < all.length; at += mostEntries) {
      const { added, replaced } = await provisioning.addToAllowList({ name, entries: all.slice(at, at + mostEntries), by })
      sum.added += added
      sum.replaced += replaced
    }
    return { payload: sum }
  },

  async pending(provisioning, payload) {
    const { limit = 100, cursor } = (payload && typeof payload === 'object' ? payload : {}) as { limit?: number; cursor?: string }
    const items: WaitingDevice[] = []
    let next = cursor
    for (let pages = 0; pages < mostPages && items.length < limit; pages++) {
      const page = await provisioning.pending({ limit: limit - items.length, ...(next !== undefined && { cursor: next }) })
      items.push(...page.items)
      next = page.next
      if (next === undefined) break
    }
    return { payload: items, ...(next !== undefined && { next }) }
  },

  async approve(provisioning, payload, by) {
    const { id, verdict } = namedOf(payload)
    await provisioning.approve({ id, by, ...(verdict !== undefined && { verdict: verdict as object }) })
    return { payload: { id, approved: true } }
  },

  async deny(provisioning, payload, by) {
    const { id, reason } = namedOf(payload)
    await provisioning.deny({ id, by, ...(reason !== undefined && { reason: reason as string }) })
    return { payload: { id, approved: false } }
  },
}

const isKnown = (thrown: unknown): boolean => thrown instanceof LoomError && thrown.code === 'PROV_EXISTS'

function membersOf(payload: unknown): Members {
  if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) return payload as Members
  throw new LoomError('PROV_INVALID', 'payload', { hint: 'it is an object' })
}

/** Who waits: the id, or an object with it. */
function namedOf(payload: unknown): Members & { id: string } {
  const members = typeof payload === 'string' ? { id: payload } : membersOf(payload)
  if (typeof members.id === 'string' && members.id) return members as Members & { id: string }
  throw new LoomError('PROV_INVALID', 'id', { hint: 'payload is the id of what waits, or {id, ..}' })
}
