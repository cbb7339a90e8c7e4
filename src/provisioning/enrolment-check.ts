import { isDeviceId } from '../identity/device-id.ts'
import {
  allocationPolicies,
  type EnrolmentChange,
  type EnrolmentSettings,
  hookDefaults,
  reprovisionPolicies,
  thisHubName,
} from './enrolment.ts'
import {
  attributeMap,
  flag,
  hubAddress,
  invalidValue,
  isObject,
  nameList,
  oneOf,
  twinSection,
  wholeNumber,
} from './enrolment-values.ts'

const mostHubs = 50

export const defaultSettings: EnrolmentSettings = {
  enabled: true,
  allocation: { policy: 'hashed', hubs: [] },
  reprovision: 'migrate',
  initialTwin: { desired: {}, tags: {} },
  attributes: {},
  policies: [],
  groups: [],
  hook: { enabled: false, timeoutMs: 5000, default: 'deny' },
  approval: 'auto',
}

/** Registration ids in any case; Azure's alphabet. */
export const isRegistrationId = (id: unknown): id is string => typeof id === 'string' && /^[A-Za-z0-9:._-]{1,128}$/.test(id)
export const isEnrolmentId = (id: unknown): id is string =>
  typeof id === 'string' && /^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$/.test(id)

/** The settings after a change, checked as a whole. PROV_INVALID. */
export function changedSettings(before: EnrolmentSettings, change: EnrolmentChange): EnrolmentSettings {
  const { enabled, allocation, reprovision, initialTwin, attributes, policies, groups, hook, approval } = change
  const after: EnrolmentSettings = {
    enabled: enabled === undefined ? before.enabled : flag(enabled, 'enabled'),
    allocation: allocation === undefined ? before.allocation : allocationOf(before.allocation, allocation),
    reprovision: reprovision === undefined ? before.reprovision : oneOf(reprovision, 'reprovision', reprovisionPolicies),
    initialTwin: initialTwin === undefined ? before.initialTwin : twinOf(before.initialTwin, initialTwin),
    attributes: attributes === undefined ? before.attributes : attributeMap(attributes, 'attributes'),
    policies: policies === undefined ? before.policies : nameList(policies, 'policies'),
    groups: groups === undefined ? before.groups : nameList(groups, 'groups'),
    hook: hook === undefined ? before.hook : hookOf(before.hook, hook),
    approval: approval === undefined ? before.approval : oneOf(approval, 'approval', ['auto', 'manual']),
    ...optional('model', before.model, change.model, value => textOf(value, 'model')),
    ...optional('quota', before.quota, change.quota, value => wholeNumber(value, 'quota', 0, 10_000_000)),
    ...optional('allowList', before.allowList, change.allowList, value => textOf(value, 'allowList')),
    ...optional('notAfter', before.notAfter, change.notAfter, value => wholeNumber(value, 'notAfter', 0, 8.64e15)),
  }
  if (after.allocation.policy === 'custom' && !after.hook.enabled)
    throw invalidValue('allocation.policy custom', 'it needs hook.enabled: the verdict names the hub')
  if (after.hook.enabled && after.hook.default === 'allow' && after.allowList === undefined)
    throw invalidValue('hook.default allow', 'without an allow list it is deny or approval')
  return after
}

/** The device id of an individual enrolment. PROV_INVALID. */
export function checkedDeviceId(value: unknown): string {
  if (typeof value !== 'string' || !isDeviceId(value))
    throw invalidValue('deviceId', 'it has 1 to 128 of A-Z a-z 0-9 : . _ - and begins with a letter or digit')
  return value
}

function optional<K extends string, T>(
  name: K,
  before: T | undefined,
  change: unknown,
  check: (value: unknown) => T,
): { [P in K]?: T } {
  const value = change === undefined ? before : change === null ? undefined : check(change)
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: T }
}

function textOf(value: unknown, member: string): string {
  if (typeof value !== 'string' || !/^[^\p{Cc}]{1,128}$/u.test(value))
    throw invalidValue(member, 'it is a text of 1 to 128 characters')
  return value
}

function allocationOf(before: EnrolmentSettings['allocation'], change: unknown): EnrolmentSettings['allocation'] {
  if (!isObject(change)) throw invalidValue('allocation', 'it is {policy, hubs}')
  const { policy = before.policy, hubs = before.hubs } = change
  if (!Array.isArray(hubs) || hubs.length > mostHubs) throw invalidValue('allocation.hubs', `it is a list of at most ${mostHubs}`)
  const shares = hubs.map((hub, at) => {
    if (!isObject(hub)) throw invalidValue(`allocation.hubs[${at}]`, 'it is {host, weight}')
    const host = hub.host === thisHubName ? thisHubName : hubAddress(hub.host, `allocation.hubs[${at}].host`).toLowerCase()
    return { host, weight: wholeNumber(hub.weight ?? 1, `allocation.hubs[${at}].weight`, 1, 1000) }
  })
  if (new Set(shares.map(({ host }) => host)).size < shares.length)
    throw invalidValue('allocation.hubs', 'each hub stands there once')
  return { policy: oneOf(policy, 'allocation.policy', allocationPolicies), hubs: shares }
}

function twinOf(before: EnrolmentSettings['initialTwin'], change: unknown): EnrolmentSettings['initialTwin'] {
  if (!isObject(change)) throw invalidValue('initialTwin', 'it is {desired, tags}')
  const { desired = before.desired, tags = before.tags } = change
  return { desired: twinSection(desired, 'desired', 'initialTwin'), tags: twinSection(tags, 'tags', 'initialTwin') }
}

function hookOf(before: EnrolmentSettings['hook'], change: unknown): EnrolmentSettings['hook'] {
  if (!isObject(change)) throw invalidValue('hook', 'it is {enabled, timeoutMs, default}')
  return {
    enabled: flag(change.enabled ?? before.enabled, 'hook.enabled'),
    timeoutMs: wholeNumber(change.timeoutMs ?? before.timeoutMs, 'hook.timeoutMs', 500, 60_000),
    default: oneOf(change.default ?? before.default, 'hook.default', hookDefaults),
  }
}
