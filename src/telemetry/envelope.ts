/** The wire forms a device may speak. */
export type DialectName = 'aws' | 'azure' | 'plain'

/** An inbound device message after its dialect was taken off. Flows, rules and stores see no more of the wire than this. */
export interface Envelope {
  deviceId: string
  module?: string
  /** '' when the device named none */
  stream: string
  body: Uint8Array
  contentType?: string
  contentEncoding?: string
  messageId?: string
  correlationId?: string
  schema?: string
  /** The device's own sequence number. */
  seq?: number
  /** Source time, epoch ms UTC, as far as topic or headers say; the body may say more. */
  time?: number
  /** Application properties. */
  properties: Record<string, string>
  /** System properties of the dialect (Azure `$.uid`, `$.to`, ..), by their full name. */
  system: Record<string, string>
  /** Topic without its property bag. */
  topic: string
  qos: 0 | 1 | 2
  will: boolean
  dialect: DialectName
}
