import { createHash } from 'node:crypto'

/** Whether a device belongs to the first `percent` of those a configuration is for: always the same ones, and with a larger share those and others. */
export function inShare(configuration: string, device: string, percent: number): boolean {
  const hash = createHash('sha256').update(`${configuration}\0${device}`).digest()
  return (hash.readUInt32BE(0) / 2 ** 32) * 100 < percent
}
