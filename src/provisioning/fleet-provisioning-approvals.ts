import { LoomError } from '../errors.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { checkVerdict } from './hook-verdict.ts'
import type { ProvisioningRequest, Verdict } from './provisioning-port.ts'

/** A device that waits for a person. */
export interface PendingDevice {
  request: ProvisioningRequest
  /** epoch ms: later it must ask anew */
  until: number
  state: 'pending' | 'approved' | 'denied'
  verdict?: Verdict
  /** who decided */
  by?: string
}

/**
 * Decisions of persons about devices of templates. A device that is told to wait asks again with the same certificate: the decision is about that key and that
 * device, and no other.
 */
export interface TemplateApprovals {
  /**
   * What was decided; undefined while nobody has: the request then stands on the list. PROV_THROTTLED if that is full, PROV_DENIED if the same key now
   * wants to be another device.
   */
  verdict(request: ProvisioningRequest, until: number): Promise<Verdict | undefined>
  /** Takes the decision away with the device that is written. */
  spend(id: string): Write
  /** By id. */
  pending(o?: { limit?: number; cursor?: string }): Promise<{ items: PendingDevice[]; next?: string }>
  /** What `verdict` says wins over the hook's and the template's. NOT_FOUND, PROV_INVALID. */
  approve(o: { id: string; by: string; verdict?: Omit<Verdict, 'allow'>; also?: readonly Write[] }): Promise<void>
  deny(o: { id: string; by: string; reason?: string; also?: readonly Write[] }): Promise<void>
  sweep(now: number): Promise<number>
}

const coll = 'template_approvals'

/** It must be the only writer of its collection. */
export async function openTemplateApprovals(o: {
  store: StateStore
  now: () => number
  /** default 1000 */
  mostPending?: number
}): Promise<TemplateApprovals> {
  const { store, now, mostPending = 1000 } = o
  await store.declare(coll, { indexes: ['state', 'until'] })

  const live = async (id: string): Promise<Stored<PendingDevice> | undefined> => {
    const stored = await store.get<PendingDevice>(coll, id)
    return stored && stored.doc.until > now() ? stored : undefined
  }
  const decide = async (id: string, verdict: Verdict, by: string, also: readonly Write[] = []): Promise<void> => {
    const stored = typeof id === 'string' && id ? await live(id) : undefined
    if (stored?.doc.state !== 'pending')
      throw new LoomError('NOT_FOUND', `no device waits under ${JSON.stringify(String(id).slice(0, 80))}`)
    const doc: PendingDevice = { ...stored.doc, state: verdict.allow ? 'approved' : 'denied', verdict, by }
    await store.tx([{ op: 'put', coll, id, doc, version: stored.version }, ...also], { by })
  }

  return {
    async verdict(request, until) {
      const { id } = request
      const there = await live(id)
      if (there) {
        const { deviceId, template } = there.doc.request
        if (deviceId === request.deviceId && template === request.template) return there.doc.verdict
        throw new LoomError('PROV_DENIED', `this key asked to become "${deviceId}"`, { hint: 'make a new key' })
      }
      if ((await store.count(coll)) >= mostPending)
        throw new LoomError('PROV_THROTTLED', `${mostPending} devices wait for a person`)
      const doc: PendingDevice = { request, until, state: 'pending' }
      await store.put(coll, id, doc, { by: request.template ?? '' })
      return undefined
    },
    spend: id => ({ op: 'delete', coll, id }),
    async pending({ limit = 100, cursor } = {}) {
      const page = await store.query<PendingDevice>(coll, {
        where: [['state', '=', 'pending']],
        limit: Math.min(limit, 1000),
        ...(cursor !== undefined && { cursor }),
      })
      const items = page.items.map(({ doc }) => doc).filter(({ until }) => until > now())
      return { items, ...(page.next !== undefined && { next: page.next }) }
    },
    approve: ({ id, by, verdict, also }) => decide(id, checkVerdict({ ...verdict, allow: true }), by, also),
    deny: ({ id, by, reason, also }) => decide(id, checkVerdict({ allow: false, reason: reason ?? 'by an operator' }), by, also),
    async sweep(at) {
      let removed = 0
      for (;;) {
        const { items } = await store.query<PendingDevice>(coll, { where: [['until', '<=', at]], limit: 500 })
        if (items.length === 0) return removed
        await store.tx(
          items.map(({ id }): Write => ({ op: 'delete', coll, id })),
          { by: 'sweep' },
        )
        removed += items.length
      }
    },
  }
}
