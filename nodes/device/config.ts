export const type = 'loom-device'

export const actions = [
  'get',
  'list',
  'create',
  'update',
  'enable',
  'disable',
  'delete',
  'credential',
  'rotate',
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
}
