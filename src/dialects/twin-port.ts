import type { Twin } from '../twin/document.ts'
import type { TwinProfile } from '../twin/profiles.ts'
import type { TwinPatch, TwinUpdate } from '../twin/update.ts'

/** What a device may do with its own twins. Codes of the engine, and of the device: IDENTITY_NOT_FOUND, IDENTITY_RETIRED. */
export interface TwinPort {
  get(deviceId: string, name?: string): Promise<Twin | undefined>
  update(o: {
    deviceId: string
    name: string
    patch: TwinPatch
    profile: TwinProfile
    version?: number
    reportedVersion?: number
    origin?: string
    clientToken?: string
  }): Promise<TwinUpdate<Twin>>
  /** The twin as it was. TWIN_NOT_FOUND. */
  remove(o: { deviceId: string; name: string; version?: number; origin?: string; clientToken?: string }): Promise<Twin>
}

/** Who asks, and when. */
export interface TwinAsker {
  deviceId: string
  /** the connection; absent for a request over HTTPS */
  origin?: string
  now: number
}

/** For every connection of the device that subscribed the topic. */
export interface DeviceNews {
  topic: string
  payload: string
}
