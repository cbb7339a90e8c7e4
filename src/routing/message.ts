/** What a rule sees of a message. Evaluation never changes it. */
export interface RuleMessage {
  /** Without its property bag. */
  topic?: string
  /** A decoded value, or bytes, which are parsed as JSON once and only when a rule asks. A string is a value, not JSON text. */
  payload?: unknown
  /** The payload's bytes, where they are still known beside the decoded value. */
  raw?: Uint8Array
  /** MQTT 5 user properties or Azure application properties. */
  properties?: Readonly<Record<string, string | readonly string[]>>
  /** Azure system properties (`contentType`, `contentEncoding`, ..). */
  system?: Readonly<Record<string, string>>
  twin?: {
    readonly tags?: unknown
    readonly properties?: { readonly desired?: unknown; readonly reported?: unknown }
  }
  /** MQTT 5 properties of the PUBLISH. */
  mqtt?: {
    readonly contentType?: string
    readonly formatIndicator?: string
    readonly responseTopic?: string
    readonly correlationData?: Uint8Array
  }
  clientId?: string
  deviceId?: string
  principal?: string
  sourceIp?: string
  traceId?: string
  accountId?: string
  hubName?: string
  source?: MessageSource
  /** Arrival, epoch ms UTC. */
  timestamp?: number
}

/** `mqtt` and `http` are telemetry (Azure's DeviceMessages), the rest are events of the hub. */
export type MessageSource = 'mqtt' | 'http' | 'TwinChangeEvents' | 'DeviceLifecycleEvents' | 'DeviceConnectionStateEvents'
