export const type = 'loom-device'

export const actions = [
  'get',
  'list',
  'create',
  'update',
  'enable',
  'disable',
  'quarantine',
  'release',
  'retire',
  'delete',
  'credential',
  'rotate',
  'regenerate',
  'revoke',
] as const
export type DeviceAction = (typeof actions)[number]

export interface DeviceConfig {
  name: string
  hub: string
  action: DeviceAction
  /** made by create, credential and rotate unless the message says what */
  credential: 'none' | 'sas' | 'x509' | 'password'
  /** rotate: old credentials of that kind are revoked at once */
  revokeOld: boolean
  /** rotate: for so long they go on after the first use of the new one; empty: the hub's 7 */
  overlapDays: number | ''
  /** regenerate */
  slot: 'primary' | 'secondary'
  /** revoke */
  revokeReason: string
  /** retire: what becomes of its readings */
  telemetry: 'keep' | 'erase'
}
