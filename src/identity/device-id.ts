import { LoomError } from '../errors.ts'

/** True for an id that a device may be registered under; also AWS thing name and Azure device id. */
export const isDeviceId = (id: string): boolean => /^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$/.test(id)

/** IDENTITY_INVALID. */
export function checkDeviceId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || !isDeviceId(id))
    throw new LoomError('IDENTITY_INVALID', JSON.stringify(String(id).slice(0, 80)), {
      hint: 'a device id has 1 to 128 of A-Z a-z 0-9 : . _ - and begins with a letter or digit',
    })
}
