import { LoomError } from '../errors.ts'
import type { Registry } from '../identity/registry.ts'
import type { Authority } from '../pki/authority.ts'
import type { EnrolmentKind } from '../provisioning/enrolment.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { HubEvent, ProvisioningApi } from './hub.ts'
import type { Provisioning } from './open-provisioning.ts'

/** Enrolments, templates, claims, lists and waiting devices; each change with its audit record. */
export function createProvisioningApi(parts: {
  provisioning: Provisioning
  registry: Pick<Registry, 'find'>
  authority: Authority
  trail: AuditTrail
  emit(event: HubEvent): void
  now: () => number
}): ProvisioningApi {
  const { provisioning, authority, trail, now } = parts
  const { enrolments, templates, claims, allowLists, approvals, caTemplates, pairings, book, desk, dps } = provisioning
  const { closeClaim, closeEnrolment, dropDerived } = provisioning
  /** After a change: nobody goes on with what was taken away. `keys`: they were changed, or are gone. */
  const ends = (id: string, before: { kind: EnrolmentKind; attestation: { kind: string } } | undefined, keys: boolean): void => {
    closeEnrolment(id)
    if (keys && before?.kind === 'group' && before.attestation.kind === 'sas') dropDerived()
  }
  const write = (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) =>
    trail.write('identities', { by, action, target, detail })
  const audited = (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) => ({
    ...(by !== undefined && { by }),
    also: [write(by, action, target, detail)],
  })
  const tagged = (etag: string | undefined) => (etag === undefined ? {} : { etag })
  const listeners = new Map<string, { instance: string; leave(): void }>()

  const templatesWaiting = async (page: { limit: number; cursor?: string }) => {
    const { items, next } = await approvals.pending(page)
    const waiting = items.map(({ request, until }) => {
      const { id, kind, registrationId, deviceId, template, attestation, ip, at: since, suspicion } = request
      return { id, kind, registrationId, deviceId, template, attestation, ip, since, until, ...(suspicion && { suspicion }) }
    })
    return { items: waiting, next }
  }

  return {
    enrolments: o => enrolments.page(o),
    enrolment: ({ id }) => enrolments.get(id),
    createEnrolment: ({ enrolment, by }) =>
      enrolments.create(enrolment, audited(by, 'enrolment.create', enrolment.id ?? 'new', { kind: enrolment.kind })),
    async updateEnrolment({ id, change, etag, by }) {
      const before = await enrolments.get(id)
      const changed = await enrolments.update(id, change, {
        ...audited(by, 'enrolment.update', id, { members: Object.keys(change) }),
        ...tagged(etag),
      })
      ends(id, before, change.attestation !== undefined)
      return changed
    },
    async renewEnrolmentKey({ id, slot, etag, by }) {
      const renewed = await enrolments.renewKey(id, slot, {
        ...audited(by, 'enrolment.renewKey', id, { slot }),
        ...tagged(etag),
      })
      ends(id, renewed.enrolment, true)
      return renewed
    },
    async deleteEnrolment({ id, etag, by }) {
      const before = await enrolments.get(id)
      await enrolments.delete(id, { ...audited(by, 'enrolment.delete', id), ...tagged(etag) })
      ends(id, before, true)
    },
    registrations: o => dps.registrations(o),
    forgetRegistration: ({ registrationId, by }) =>
      dps.forget(registrationId, audited(by, 'registration.forget', registrationId)),

    templates: o => templates.list(o),
    template: ({ name }) => templates.get(name),
    createTemplate: ({ name, settings, by }) => templates.create(name, settings, audited(by, 'template.create', name)),
    updateTemplate: ({ name, change, etag, by }) =>
      templates.update(name, change, {
        ...audited(by, 'template.update', name, { members: Object.keys(change) }),
        ...tagged(etag),
      }),
    deleteTemplate: ({ name, etag, by }) => templates.delete(name, { ...audited(by, 'template.delete', name), ...tagged(etag) }),

    claims: o => claims.list(o),
    claim: ({ id }) => claims.get(id),
    async createClaim({ id, settings, by }) {
      return { ...(await claims.create(id, settings, audited(by, 'claim.create', id))), caPem: authority.rootPem }
    },
    async createTrustedClaim({ by, ...request }) {
      const made = await claims.createTrusted({
        ...request,
        ...audited(by, 'claim.createTrusted', request.deviceId ?? request.template),
      })
      return { ...made, caPem: authority.rootPem }
    },
    async updateClaim({ id, change, etag, by }) {
      const view = await claims.update(id, change, {
        ...audited(by, 'claim.update', id, { members: Object.keys(change) }),
        ...tagged(etag),
      })
      if (!view.enabled) closeClaim(id)
      return view
    },
    async deleteClaim({ id, etag, by }) {
      await claims.delete(id, { ...audited(by, 'claim.delete', id), ...tagged(etag) })
      closeClaim(id)
    },

    async allowLists() {
      return { items: await allowLists.list() }
    },
    createAllowList: ({ name, by }) => allowLists.create(name, audited(by, 'allowList.create', name)),
    deleteAllowList: ({ name, by }) => allowLists.delete(name, audited(by, 'allowList.delete', name)),
    allowListEntries: ({ name, ...page }) => allowLists.entries(name, page),
    addToAllowList: ({ name, entries, by }) =>
      allowLists.add(name, entries, audited(by, 'allowList.add', name, { count: entries.length })),
    removeFromAllowList: ({ name, serials, by }) =>
      allowLists.remove(name, serials, audited(by, 'allowList.remove', name, { count: serials.length })),

    async pending({ limit = 100, cursor }) {
      // DPS first, then templates: the cursor says which of the two it belongs to.
      const [list, at] = [cursor?.slice(0, 2) ?? 'd:', cursor?.slice(2)]
      const page = { limit, ...(at && { cursor: at }) }
      if (list === 'd:') {
        const { items, next } = await dps.pending(page)
        const waiting = items.map(({ operationId, payload: _, ...rest }) => ({ id: operationId, kind: 'dps' as const, ...rest }))
        if (next !== undefined) return { items: waiting, next: `d:${next}` }
        if (waiting.length === limit)
          return { items: waiting, ...((await templatesWaiting({ limit: 1 })).items.length && { next: 't:' }) }
        const { items: more, next: later } = await templatesWaiting({ limit: limit - waiting.length })
        return { items: [...waiting, ...more], ...(later !== undefined && { next: `t:${later}` }) }
      }
      const { items, next } = await templatesWaiting(page)
      return { items, ...(next !== undefined && { next: `t:${next}` }) }
    },
    async approve({ id, verdict, by = 'hub' }) {
      const given = verdict && { verdict }
      try {
        await dps.approve({ operationId: id, by, ...given })
      } catch (error) {
        if (!isUnknown(error)) throw error
        await approvals.approve({ id, by, ...given, also: [write(by, 'provisioning.approve', id, { ...given })] })
        return
      }
      trail.note({ by, action: 'provisioning.approve', target: id, detail: { ...given } })
    },
    async deny({ id, reason, by = 'hub' }) {
      const given = reason === undefined ? {} : { reason }
      try {
        await dps.deny({ operationId: id, by, ...given })
      } catch (error) {
        if (!isUnknown(error)) throw error
        await approvals.deny({ id, by, ...given, also: [write(by, 'provisioning.deny', id, { reason })] })
        return
      }
      trail.note({ by, action: 'provisioning.deny', target: id, detail: { reason } })
    },

    async caTemplates() {
      return { items: caTemplates.list() }
    },
    async setCaTemplate({ ca, template, by }) {
      if (!authority.cas().some(({ id }) => id === ca)) throw new LoomError('NOT_FOUND', `CA "${ca.slice(0, 80)}"`)
      if (template !== undefined && !(await templates.get(template)))
        throw new LoomError('PROV_NO_TEMPLATE', `"${template.slice(0, 80)}"`)
      await caTemplates.set(ca, template, audited(by, 'ca.template', ca, { template }))
    },

    async listen({ listener, instance = '', on }) {
      const before = listeners.get(listener)
      // A successor took its place.
      if (!on && before?.instance !== instance) return
      before?.leave()
      listeners.delete(listener)
      const tell = (question: Parameters<Parameters<typeof desk.subscribe>[0]>[0]) =>
        parts.emit({ type: 'provisioning-question', at: now(), ...question })
      if (on) listeners.set(listener, { instance, leave: desk.subscribe(tell) })
    },
    async answer({ id, verdict }) {
      desk.answer(id, verdict)
    },

    pairings: o => pairings.list(o),
    async createPairing({ by, ...target }) {
      const there = target.deviceId === undefined ? undefined : await parts.registry.find(target.deviceId)
      if (there?.state === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${there.id}"`, { hint: 'delete it first' })
      return pairings.create(target, {
        ...(by !== undefined && { by }),
        also: id => [write(by, 'pairing.create', id, { deviceId: target.deviceId, template: target.template })],
      })
    },
    revokePairing: ({ id, by }) => pairings.revoke(id, audited(by, 'pairing.revoke', id)),

    bootstrap: () => book.read(),
    setBootstrap: ({ etag, by, ...change }) =>
      book.set(change, { ...audited(by, 'bootstrap.set', 'hub', namesIn(change)), ...tagged(etag) }),
    pruneBootstrap: ({ etag, by, ...what }) =>
      book.prune(what, {
        ...audited(by, 'bootstrap.prune', 'hub', { ...what, ...(what.cas && { cas: what.cas.length }) }),
        ...tagged(etag),
      }),
  }
}

const namesIn = (change: { intervals?: object; configuration?: object }) =>
  Object.fromEntries(Object.entries(change).map(([member, values]) => [member, Object.keys(values ?? {})]))

const isUnknown = (error: unknown): boolean =>
  error instanceof LoomError && (error.code === 'PROV_NO_OPERATION' || error.code === 'NOT_FOUND')
