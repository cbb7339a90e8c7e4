import type { ActionOrder } from '../../routing/action/action.ts'
import type { Msg } from '../define.ts'
import { bytesOf, type Intake, intakeOf, type Item } from '../route/intake.ts'
import type { CompiledAction } from './action-fields.ts'

/** What is done at a time: a message, or the readings of a batch one by one. */
export function itemsOf(msg: Msg, each: 'message' | 'reading'): Intake {
  const intake = intakeOf(msg)
  return intake.batch && each === 'message' ? { ...intake, batch: false, items: [together(intake)] } : intake
}

/** A batch as one thing: of the device that all of its readings are of. */
function together({ base, items }: Intake): Item {
  const { payload } = base
  const devices = new Set(items.map(({ message }) => message.deviceId))
  const device = devices.size === 1 ? items[0]?.message.deviceId : undefined
  const { replayed } = items[0] ?? {}
  return {
    message: {
      payload,
      system: { contentType: 'application/json', contentEncoding: 'utf-8' },
      ...(device !== undefined && { deviceId: device }),
      ...(typeof base.topic === 'string' && { topic: base.topic }),
    },
    payload,
    hops: Math.max(...items.map(({ hops }) => hops)),
    ...(replayed && { replayed }),
    original: () => ({
      device: device ?? '',
      topic: typeof base.topic === 'string' ? base.topic : '',
      properties: {},
      payload: bytesOf(payload),
    }),
  }
}

/** The order of an item. ROUTE_TEMPLATE. */
export function orderOf(
  { message, payload, hops, replayed, original }: Item,
  o: { node: string; name?: string | undefined; rule?: string | undefined; compiled: CompiledAction },
): ActionOrder {
  const { node, name, rule, compiled } = o
  const { make, secret, tries, timeoutMs } = compiled
  const kept = original()
  const made = make({ ...message, clientId: message.clientId ?? message.deviceId ?? 'n/a' })
  const contentType = made.body === undefined ? (message.system?.contentType ?? 'application/octet-stream') : undefined
  // A dead letter keeps a reading with its time; the endpoint gets the payload.
  const bytes = bytesOf(payload)
  if (made.body === undefined && Buffer.compare(bytes, kept.payload) !== 0) made.body = bytes
  const type = contentType === undefined ? {} : { 'content-type': contentType }
  return {
    node,
    action:
      made.kind === 'republish'
        ? { ...made, hops, ...(contentType !== undefined && { contentType }) }
        : { ...made, headers: { ...type, ...lowerNames(made.headers) }, ...(secret && { secret }) },
    original: kept,
    tries,
    timeoutMs,
    ...(name && { name }),
    ...(rule !== undefined && { rule }),
    ...(replayed?.node === node && { letter: replayed.letter }),
  }
}

const lowerNames = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
