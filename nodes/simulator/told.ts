import { LoomError } from '../../src/errors.ts'
import type { NewMsg } from '../../src/nodered/define.ts'
import type { Told } from '../../src/simulator/dialogue.ts'

/** The notice of what the hub told a device. */
export function toldMessage({ what, ...told }: Told): NewMsg {
  return { notice: what, ...told }
}

/** Whom `connect` and `disconnect` mean: `device`, an id or an array of them. SIMULATOR_CONFIG_INVALID. */
export function devicesOf(device: unknown): string[] {
  const devices: unknown[] = [device].flat()
  if (devices.length && devices.every(id => typeof id === 'string' && id !== '')) return devices as string[]
  throw new LoomError('SIMULATOR_CONFIG_INVALID', 'no device is named', { hint: 'set msg.device to an id or an array of them' })
}
