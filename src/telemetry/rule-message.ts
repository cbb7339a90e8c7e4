import { type JournalRecord, kinds } from '../journal/journal-port.ts'
import type { MessageSource, RuleMessage } from '../routing/message.ts'
import { lifecycleOf, type LifecycleEvent } from './lifecycle.ts'

/** What rules need beside the record itself. */
export interface RuleSurroundings {
  hubName: string
  /** Of the device that sent the message. */
  twin?: RuleMessage['twin']
}

const utf8 = new TextDecoder()
const json = { contentType: 'application/json', contentEncoding: 'utf-8' }

/** A record as rules see it, live and after a replay alike: telemetry as its device sent it, events of the hub with the properties that Azure gives them. */
export function ruleMessageOf(record: JournalRecord, { hubName, twin }: RuleSurroundings): RuleMessage {
  const { kind, device, topic, payload, props, at } = record
  const common: RuleMessage = {
    topic,
    deviceId: device,
    hubName,
    accountId: hubName,
    timestamp: at,
    ...(twin !== undefined && { twin }),
  }
  const event =
    kind === kinds.twin ? twinEvent(record, hubName) : kind === kinds.lifecycle ? deviceEvent(record, hubName) : undefined
  if (event) return { ...common, ...event }
  const { contentType, contentEncoding, messageId, correlationId, module, clientId, principal, sourceIp, traceId, connectionId } =
    props.e
  return {
    ...common,
    payload,
    raw: payload,
    properties: props.p,
    system: {
      ...props.s,
      connectionDeviceId: device,
      enqueuedTime: new Date(at).toISOString(),
      'iothub-message-source': 'Telemetry',
      ...(module !== undefined && { connectionModuleId: module }),
      ...(contentType !== undefined && { contentType }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      ...(messageId !== undefined && { messageId }),
      ...(correlationId !== undefined && { correlationId }),
    },
    ...(contentType !== undefined && { mqtt: { contentType } }),
    source: connectionId === undefined ? 'http' : 'mqtt',
    ...(clientId !== undefined && { clientId }),
    ...(principal !== undefined && { principal }),
    ...(sourceIp !== undefined && { sourceIp }),
    ...(traceId !== undefined && { traceId }),
  }
}

type EventParts = Pick<RuleMessage, 'payload' | 'properties' | 'system' | 'source'>

const eventOf = (
  o: { device: string; at: number; hubName: string; source: MessageSource; name: string; opType: string; schema: string },
  payload: unknown,
): EventParts => ({
  payload,
  source: o.source,
  system: {
    ...json,
    connectionDeviceId: o.device,
    enqueuedTime: new Date(o.at).toISOString(),
    'iothub-message-source': o.name,
  },
  properties: {
    hubName: o.hubName,
    deviceId: o.device,
    operationTimestamp: new Date(o.at).toISOString(),
    opType: o.opType,
    'iothub-message-schema': o.schema,
  },
})

/** A twin's change: the patch with its version, in the place where Azure puts the section. */
function twinEvent({ device, at, payload }: JournalRecord, hubName: string): EventParts | undefined {
  const event = parsed<{ section?: string; patch?: unknown; sectionVersion?: number; version?: number; deleted?: boolean }>(
    payload,
  )
  if (!event?.section) return undefined
  const { section, patch, version, sectionVersion, deleted } = event
  const body =
    section === 'tags'
      ? { tags: patch }
      : { version, properties: { [section]: { ...(patch as object), $version: sectionVersion } } }
  const opType = deleted ? 'replaceTwin' : 'updateTwin'
  const source = 'TwinChangeEvents'
  return eventOf({ device, at, hubName, source, name: 'twinChangeEvents', opType, schema: 'twinChangeNotification' }, body)
}

const operations: Partial<Record<LifecycleEvent['event'], string>> = {
  connected: 'deviceConnected',
  disconnected: 'deviceDisconnected',
  created: 'createDeviceIdentity',
  deleted: 'deleteDeviceIdentity',
}

function deviceEvent(record: JournalRecord, hubName: string): EventParts | undefined {
  const event = lifecycleOf(record)
  if (!event) return undefined
  const { device, at, sequence } = event
  const opType = operations[event.event] ?? event.event
  if (event.event === 'connected' || event.event === 'disconnected') {
    // Azure's sequence numbers are compared as texts: of fixed width they order like the numbers.
    const sequenceNumber = sequence.toString(16).toUpperCase().padStart(56, '0')
    const source = 'DeviceConnectionStateEvents'
    const schema = 'deviceConnectionStateNotification'
    return eventOf({ device, at, hubName, source, name: 'deviceConnectionStateEvents', opType, schema }, { sequenceNumber })
  }
  const { device: deviceId, ...body } = event
  const source = 'DeviceLifecycleEvents'
  const schema = 'deviceLifecycleNotification'
  return eventOf({ device, at, hubName, source, name: 'deviceLifecycleEvents', opType, schema }, { deviceId, ...body })
}

function parsed<T>(payload: Uint8Array): T | undefined {
  try {
    return JSON.parse(utf8.decode(payload)) as T
  } catch {
    return undefined
  }
}
