import { LoomError } from '../errors.ts'
import { kinds, type RecordKind } from '../journal/journal-port.ts'
import type { Envelope } from '../telemetry/envelope.ts'
import type { TelemetryApi } from './hub.ts'
import type { Ingest } from './ingest.ts'

export type Inject = (o: Parameters<TelemetryApi['inject']>[0] & { kind?: RecordKind }) => Promise<{ seq: number }>

/** Messages that come over no connection of their device. BROKER_PACKET_TOO_LARGE. */
export function createInject(parts: {
  ingest: Ingest
  payloadBytes: number
  /** The device spoke. */
  active(device: string): void
  /** The model of that device is at hand when it resolves. */
  ready(device: string): Promise<unknown> | undefined
}): Inject {
  return async ({ device, payload, topic = '', stream = '', contentType, properties = {}, time, by, kind = kinds.injected }) => {
    if (payload.length > parts.payloadBytes)
      throw new LoomError('BROKER_PACKET_TOO_LARGE', `${payload.length} bytes, at most ${parts.payloadBytes}`)
    const envelope: Envelope = {
      deviceId: device,
      stream,
      body: payload,
      properties,
      system: {},
      topic,
      qos: 1,
      will: false,
      dialect: 'plain',
      ...(contentType !== undefined && { contentType }),
      ...(time !== undefined && { time }),
    }
    await parts.ready(device)
    const context = { clientId: '', principal: by ?? '', sourceIp: '', connectionId: '' }
    return new Promise((resolve, reject) =>
      parts.ingest({ envelope, context, kind }, (error, seq) => {
        if (error) return reject(error)
        parts.active(device)
        resolve({ seq })
      }),
    )
  }
}
