import { LoomError } from '../errors.ts'
import { checkDeviceId } from './device-id.ts'

/** What a policy can be attached to. `certificate`: its fingerprint. `hub`: every device. */
export type PolicyTarget = { device: string } | { group: string } | { certificate: string } | { hub: true }

const groupId = /^[A-Za-z0-9][A-Za-z0-9:_-]{0,127}$/
const fingerprint = /^[0-9a-f]{64}$/

/** One text for one target, `device:pump-1`; sorts and compares. IDENTITY_INVALID, GROUP_INVALID, REQUEST_INVALID. */
export function targetKey(target: PolicyTarget): string {
  if ('hub' in target) return 'hub:'
  if ('device' in target) {
    checkDeviceId(target.device)
    return `device:${target.device}`
  }
  if ('group' in target) {
    if (!groupId.test(target.group)) throw new LoomError('GROUP_INVALID', JSON.stringify(String(target.group).slice(0, 80)))
    return `group:${target.group}`
  }
  if (!fingerprint.test(target.certificate))
    throw new LoomError('REQUEST_INVALID', `certificate ${JSON.stringify(String(target.certificate).slice(0, 80))}`, {
      hint: 'give its SHA-256 fingerprint in lower hex',
    })
  return `certificate:${target.certificate}`
}

export function targetOf(key: string): PolicyTarget {
  const cut = key.indexOf(':')
  const id = key.slice(cut + 1)
  const kind = key.slice(0, cut)
  if (kind === 'hub') return { hub: true }
  return kind === 'device' ? { device: id } : kind === 'group' ? { group: id } : { certificate: id }
}

/** The targets whose policies count for a connection: the hub's, its groups', its own, its certificate's. */
export const targetsFor = (o: { deviceId?: string; groups: readonly string[]; fingerprint?: string }): string[] => [
  'hub:',
  ...o.groups.map(group => `group:${group}`),
  ...(o.deviceId === undefined ? [] : [`device:${o.deviceId}`]),
  ...(o.fingerprint === undefined ? [] : [`certificate:${o.fingerprint}`]),
]
