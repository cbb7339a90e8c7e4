import type { ListenerOptions } from '../broker/broker-port.ts'

export interface HubLimits {
  /** payload of one message, default 262,144 */
  payloadBytes: number
  /** connections per second accepted by TLS listeners, default 200; 0 = no limit */
  connectsPerSecond: number
  /** connections per second and address, default 20; 0 = no limit */
  connectsPerSecondPerAddress: number
  /** authenticated CONNECTs per second and device, 20 times as many at once, default 1; 0 = no limit */
  connectsPerSecondPerDevice: number
  /** live connections of one device, default 20; 0 = no limit */
  connectionsPerDevice: number
  /** persistent sessions of one device, default 20; 0 = no limit */
  sessionsPerDevice: number
  /** Default 0: 2 GiB or 20 % of the volume, whichever is less. */
  journalBytes: number
  /** what happens at `journalBytes`; default block */
  journalFull: 'block' | 'drop'
  /** default 24 h */
  journalKeepMs: number
  /** size of one journal file, default 128 MiB */
  segmentBytes: number
  /** open PUBLISH slots of one connection before it is paused, default 64 */
  openSlots: number
  /** bytes not yet committed in the hub before connections are paused, default 64 MiB */
  pendingBytes: number
  /** a connection held so long for lack of commits is closed, default 30,000 */
  maxHoldMs: number
  /** session life without use, default 7 days */
  sessionTtlMs: number
  /** SAS clock skew, 0..300, default 300 */
  sasClockSkewS: number
  /** a device is offline after so long without connection, default 30,000 */
  offlineAfterMs: number
  /** a device that names none itself is `silent` after so long without telemetry, default 0: never */
  expectedIntervalMs: number
  /** store every JSON reading in the warm store; default true */
  storeTelemetry: boolean
  /** JSON of what the fleet index holds of all devices; past it only `fleetPaths` of twins are held, default 256 MiB */
  fleetIndexBytes: number
  /** paths of twins that the fleet index holds however large it is, comma-separated: `twin.reported.fw, shadows.cfg.desired` */
  fleetPaths: string
  /** twins that fleet configurations write at once, default 16 */
  configurationWrites: number
  /** and per second, default 0: no limit */
  configurationWritesPerSecond: number
}

export const defaultLimits: HubLimits = {
  payloadBytes: 262_144,
  connectsPerSecond: 200,
  connectsPerSecondPerAddress: 20,
  connectsPerSecondPerDevice: 1,
  connectionsPerDevice: 20,
  sessionsPerDevice: 20,
  journalBytes: 0,
  journalFull: 'block',
  journalKeepMs: 24 * 3_600_000,
  segmentBytes: 128 * 1024 ** 2,
  openSlots: 64,
  pendingBytes: 64 * 1024 ** 2,
  maxHoldMs: 30_000,
  sessionTtlMs: 7 * 24 * 3_600_000,
  sasClockSkewS: 300,
  offlineAfterMs: 30_000,
  expectedIntervalMs: 0,
  storeTelemetry: true,
  fleetIndexBytes: 256 * 1024 ** 2,
  fleetPaths: '',
  configurationWrites: 16,
  configurationWritesPerSecond: 0,
}

/** Everything a hub needs to run; structured-clonable, so it crosses to the hub's thread as it is. */
export interface HubOptions {
  /** Slug `[a-z0-9][a-z0-9-]{0,62}`: names the hub for ever. */
  hubId: string
  /** For people; default the id. */
  name?: string
  /** Absolute path; created 0700. Not used by the memory store. */
  dataDir: string
  store: 'sqlite' | 'json' | 'memory'
  broker: 'embedded' | 'none'
  listeners: ListenerOptions[]
  /** Names and addresses the server certificate carries besides the listeners' hosts. */
  hubNames?: string[]
  /** The name devices are told. */
  publicHost?: string
  /** Devices without credential, on loopback plaintext listeners only. */
  allowAnonymous?: boolean
  /** Name of the named shadow that is the main twin for AWS things; default: their classic shadow is. */
  mainShadow?: string
  /** Where AWS things may take methods beside `devices/{id}/commands/{name}/{rid}`: `cmd/{id}/{name}/{rid}`, answered one level below. */
  commandTopic?: string
  limits?: Partial<HubLimits>
  /** Base64 of 32 bytes; else THINGLOOM_KEY, else a 0600 key file in the data folder, made on first start. */
  key?: string
  /** false runs the hub in this thread: tests, scripts. Default true. */
  threaded?: boolean
}
