import { isDeviceId } from '../identity/device-id.ts'
import { attributeMap, flag, hubAddress, invalidValue, isObject, jsonCopy, nameList, twinSection } from './enrolment-values.ts'
import type { Verdict } from './provisioning-port.ts'

/** What a register call may carry, and a verdict may give back to the device. */
export const payloadBytes = 65_536

/** A verdict as it came from a flow or a person, checked and copied; members it does not know are left out. PROV_INVALID. */
export function checkVerdict(value: unknown): Verdict {
  if (!isObject(value)) throw invalidValue('verdict', 'it is an object with allow: true or false')
  const { reason, deviceId, tags, attributes, desired, policies, groups, hub, payload, deviceConfiguration, parameterOverrides } =
    value
  if (reason !== undefined && typeof reason !== 'string') throw invalidValue('verdict.reason', 'it is a text')
  if (deviceId !== undefined && (typeof deviceId !== 'string' || !isDeviceId(deviceId)))
    throw invalidValue('verdict.deviceId', 'a device id has 1 to 128 of A-Z a-z 0-9 : . _ - and begins with a letter or digit')
  return {
    allow: flag(value.allow, 'verdict.allow'),
    ...(reason !== undefined && { reason: reason.slice(0, 500) }),
    ...(deviceId !== undefined && { deviceId }),
    ...(tags !== undefined && { tags: twinSection(tags, 'tags', 'verdict') }),
    ...(attributes !== undefined && { attributes: attributeMap(attributes, 'verdict.attributes') }),
    ...(desired !== undefined && { desired: twinSection(desired, 'desired', 'verdict') }),
    ...(policies !== undefined && { policies: nameList(policies, 'verdict.policies') }),
    ...(groups !== undefined && { groups: nameList(groups, 'verdict.groups') }),
    ...(hub !== undefined && { hub: hubAddress(hub, 'verdict.hub') }),
    ...(payload !== undefined && { payload: jsonCopy(payload, 'verdict.payload', payloadBytes) }),
    ...(deviceConfiguration !== undefined && {
      deviceConfiguration: attributeMap(deviceConfiguration, 'verdict.deviceConfiguration'),
    }),
    ...(parameterOverrides !== undefined && {
      parameterOverrides: attributeMap(parameterOverrides, 'verdict.parameterOverrides'),
    }),
  }
}

/** Two verdicts about one request: the later one's members win. */
export function mergedVerdict(first: Verdict | undefined, later: Verdict | undefined): Verdict {
  return { ...first, ...later, allow: later?.allow ?? first?.allow ?? true }
}
