import { testPolicy, whoMay, type PolicyPrincipal } from '../identity/policy-tester.ts'
import { readPolicy } from '../identity/policy-document.ts'
import type { Policies } from '../identity/policy-store.ts'
import { targetKey } from '../identity/policy-targets.ts'
import type { AccessContext } from '../identity/policy-variables.ts'
import type { Registry } from '../identity/registry.ts'
import type { StateStore } from '../storage/state-store.ts'
import type { Groups } from '../topology/groups.ts'
import type { AuditTrail } from './audit-trail.ts'
import { devicesColl } from './devices.ts'
import type { PoliciesApi } from './hub.ts'

const perPage = 200
/** devices looked at for one answer: 50 times as many */
const pagesLooked = 50

/** Policies, what they are attached to, and what they would say. */
export function createPoliciesApi(parts: {
  policies: Policies
  groups: Groups
  registry: Registry
  state: StateStore
  trail: AuditTrail
  now: () => number
}): PoliciesApi {
  const { policies, groups, registry, state, trail, now } = parts
  const audited = (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) => ({
    ...(by !== undefined && { by }),
    also: [trail.write('identities', { by, action, target, detail })],
  })

  /** A device as its policies see it: the context that is known of it, and what the question adds. */
  const principalOf = async (deviceId: string, asked: Partial<AccessContext>, given?: string): Promise<PolicyPrincipal> => {
    const [{ all }, entity] = await Promise.all([
      groups.groupsOf(deviceId),
      state.get<{ tags: Record<string, unknown>; attributes: Record<string, string> }>(devicesColl, deviceId),
    ])
    const { tags = {}, attributes = {} } = entity?.doc ?? {}
    const { model, site } = attributes
    const context: AccessContext = {
      deviceId,
      clientId: deviceId,
      tags,
      attributes,
      ...(model !== undefined && { model }),
      ...(site !== undefined && { site }),
      ...asked,
    }
    if (given !== undefined) return { context, policies: [{ id: 'given', document: readPolicy(given) }] }
    const certificates = (await registry.find(deviceId))?.credentials.flatMap(one =>
      one.kind === 'x509' && one.status === 'active' ? [one.fingerprint] : [],
    )
    const fingerprint = certificates?.[0]
    const found = await policies.policiesFor({ deviceId, groups: all, ...(fingerprint !== undefined && { fingerprint }) })
    return { context, policies: found.policies }
  }

  return {
    list: o => policies.page(o),
    get: ({ id }) => policies.get(id),
    create: ({ id, text, description, by }) =>
      policies.create({ id, text, ...(description !== undefined && { description }), ...audited(by, 'policy.create', id) }),
    update: ({ id, text, description, etag, by }) =>
      policies.update(id, {
        ...(text !== undefined && { text }),
        ...(description !== undefined && { description }),
        ...(etag !== undefined && { etag }),
        ...audited(by, 'policy.update', id),
      }),
    delete: ({ id, etag, by }) =>
      policies.delete(id, { ...(etag !== undefined && { etag }), ...audited(by, 'policy.delete', id) }),
    attach: ({ policy, target, by }) =>
      policies.attach({ policy, target, ...audited(by, 'policy.attach', policy, { target: targetKey(target) }) }),
    detach: ({ policy, target, by }) =>
      policies.detach({ policy, target, ...audited(by, 'policy.detach', policy, { target: targetKey(target) }) }),
    attached: ({ target }) => policies.attached(target),
    targets: ({ policy, ...page }) => policies.targetsOf(policy, page),
    strict: async () => ({ strict: policies.strict }),
    setStrict: ({ strict, by }) => policies.setStrict(strict, audited(by, 'policy.strict', 'hub', { strict })),
    async test({ device, clientId, sourceIp, domainName, document, ...question }) {
      const asked = {
        ...(clientId !== undefined && { clientId }),
        ...(sourceIp !== undefined && { sourceIp }),
        ...(domainName !== undefined && { domainName }),
      }
      const principal = await principalOf(device, asked, document)
      return testPolicy({ principal, now: now(), ...question, ...(clientId === undefined ? { clientId: device } : { clientId }) })
    },
    async whoMay({ action, topic, limit = 100, cursor }) {
      const items: Awaited<ReturnType<PoliciesApi['whoMay']>>['items'] = []
      let from = cursor
      for (let pages = 0; pages < pagesLooked; pages++) {
        const page = await registry.page({ limit: perPage, ...(from !== undefined && { cursor: from }) })
        const principals = await Promise.all(page.items.map(async ({ id }) => ({ id, ...(await principalOf(id, {})) })))
        const found = await whoMay({ principals, now: now(), action, limit: perPage, ...(topic !== undefined && { topic }) })
        items.push(...found.items)
        from = page.next
        if (from === undefined) return { items }
        if (items.length >= limit) break
      }
      return { items, next: from! }
    },
  }
}
