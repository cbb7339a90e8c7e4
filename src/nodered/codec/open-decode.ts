import { setImmediate as turn } from 'node:timers/promises'
import type { NodeDef } from 'node-red'
import { codecOfType } from '../../codec/codecs.ts'
import { LoomError } from '../../errors.ts'
import type { Replayed } from '../../journal/journal-port.ts'
import { KeyFrames } from '../../telemetry/key-frames.ts'
import { readingsOf, withReadings } from '../../telemetry/message.ts'
import type { Reading } from '../../telemetry/reading.ts'
import type { Behaviour, Context, Emit, Msg } from '../define.ts'
import { deliveries, splitDelivery, tokenOf } from '../delivery.ts'
import { hubOf } from '../hubs.ts'
import { SentDeliveries } from '../route/sent-deliveries.ts'
import { schemaOrder } from '../schema-order.ts'
import { schemaSourceOf } from '../schema-source.ts'
import { assertFits, createChecks, SubjectText } from '../value-check.ts'
import {
  cayenneOptionsOf,
  compressionOfField,
  csvOptionsOf,
  type DecodeFields,
  formatOf,
  layoutOptionsOf,
  sparkplugOptionsOf,
  versionOf,
} from './decode-fields.ts'
import { createDecoder, type DecoderOptions } from './decoder.ts'
import { decodedMessage, isOpaque, originalOf, originalOfReading, packetOf } from './packet.ts'
import { consumerOf, reasonOf, Refusals, type Refused } from './refusals.ts'
import { openReplays } from './replays.ts'
import { SparkplugMessages } from './sparkplug-messages.ts'

/** Readings in one message; more are sent in several. */
const mostReadings = 1000

/** A node that makes readings of bytes: HUB_MISSING, NODE_CONFIG. */
export async function openDecode(
  fields: DecodeFields & NodeDef,
  { node, RED, status, emit: emitAgain }: Context,
): Promise<Behaviour> {
  const { id } = fields
  const options: DecoderOptions = {
    format: !fields.format || fields.format === 'auto' ? 'auto' : formatOf(fields.format),
    compression: compressionOfField(fields.compression, ['auto', 'none']),
    timeMember: fields.timeMember?.trim() ?? '',
    csv: fields.format === 'csv' ? csvOptionsOf(fields) : {},
    cayenne: fields.format === 'cayenne' ? cayenneOptionsOf(fields) : {},
    layout: layoutOptionsOf(fields),
    message: fields.message?.trim() ?? '',
    schemas: fields.schemas ? schemaSourceOf(RED, fields.schemas) : undefined,
    pause: () => turn(),
  }
  const subject = fields.subject?.trim()
  const asked = subject ? { subject, version: versionOf(fields.version) } : undefined
  const ref = fields.hub || asked ? await hubOf(fields) : undefined
  const decode = createDecoder(options)
  /** Readings that came as such went into their letters as JSON. */
  const decodeReading = createDecoder({ ...options, format: 'json', compression: 'none', timeMember: '', schemas: undefined })
  const valid = asked && ref && new SubjectText(ref.hub, asked)
  const checkOf = createChecks()
  const frames = fields.keyFrames ? new KeyFrames() : undefined
  const wired = (): boolean => Boolean((node as { wires?: string[][] }).wires?.[1]?.length)
  const refusals = new Refusals({ hub: ref?.hub, node: id, wired, now: Date.now })
  let [decoded, refused] = [0, 0]
  const show = (): void => {
    const counted = (count: number, of: 'waiting' | 'refused'): string =>
      count ? ` · ${count} ${RED._(`decode.state.${of}`)}` : ''
    status(refused ? 'warn' : 'ok', `${decoded}${counted(sparkplug.waiting, 'waiting')}${counted(refused, 'refused')}`)
  }

  /** Where a dead letter of this node failed that comes back. */
  const stageOf = (msg: Msg): string | undefined => {
    const { node: of, stage } = (msg.replayed ?? {}) as Partial<Replayed>
    return of === id ? stage : undefined
  }

  /** Differences as whole readings; whose base is not known is told. */
  function whole(readings: Reading[], emit: Emit): Reading[] {
    if (!frames) return readings
    const framed = frames.take(readings, Date.now())
    refused += framed.unfounded.length
    emit([undefined, framed.wishes.map(wish => ({ notice: 'key-frame', ...wish }))])
    return framed.readings
  }

  async function readingsIn(msg: Msg, emit: Emit, found?: Reading[]): Promise<Reading[]> {
    const own = stageOf(msg) === 'validate'
    const { readings: sent, check } = found
      ? { readings: found }
      : await (own ? decodeReading : decode)(packetOf(msg, Date.now()))
    const readings = own ? sent : whole(sent, emit)
    if (check) assertFits(await checkOf(check), readings)
    if (valid) assertFits(await checkOf(await valid.get()), readings)
    return readings
  }

  async function refuse(msg: Msg, all: readonly [Refused, ...Refused[]], whole: boolean, emit: Emit): Promise<void> {
    refused += all.length
    show()
    await refusals.take(msg, all, { whole, emit })
  }

  async function send(msg: Msg, readings: readonly Reading[], emit: Emit): Promise<void> {
    decoded += readings.length
    show()
    if (!readings.length) return deliveries.acknowledge(msg.delivery)
    const count = Math.ceil(readings.length / mostReadings)
    const token = count > 1 ? tokenOf(msg.delivery) : undefined
    const tokens = token && splitDelivery(token, count)
    for (let i = 0; i < count; i++) {
      if (i > 0) await turn()
      const some = readings.slice(i * mostReadings, (i + 1) * mostReadings)
      emit(decodedMessage(tokens ? { ...msg, delivery: tokens[i] } : msg, some, readings.length === 1))
    }
  }

  /** `found`: what its bytes are known to hold. */
  async function settle(msg: Msg, emit: Emit, found?: Reading[]): Promise<void> {
    let readings: Reading[]
    try {
      readings = await readingsIn(msg, emit, found)
    } catch (thrown) {
      if (!reasonOf(thrown)) throw thrown
      const stage = stageOf(msg) === 'validate' ? 'validate' : 'decode'
      return refuse(msg, [{ original: originalOf(packetOf(msg, Date.now())), error: thrown as LoomError, stage }], true, emit)
    }
    return send(msg, readings, emit)
  }

  const sparkplug = new SparkplugMessages({
    ...options,
    ...sparkplugOptionsOf(fields),
    now: Date.now,
    schedule(run, afterMs) {
      const timer = setTimeout(run, afterMs)
      return () => clearTimeout(timer)
    },
    send: (msg, readings, emit) => settle(msg, emit, readings),
    refuse: (msg, error, whole, emit) =>
      refuse(msg, [{ original: originalOf(packetOf(msg, Date.now())), error, stage: 'decode' }], whole, emit),
    pass: msg => deliveries.acknowledge(msg.delivery),
    rebirth(notice, emit) {
      const lost = (thrown: unknown): void => node.error(LoomError.from(thrown), notice as never)
      if (!ref && !wired())
        lost(
          new LoomError('HUB_MISSING', `${notice.topic} is not sent`, { hint: 'choose one, or wire output 2 to an MQTT node' }),
        )
      ref?.hub.commands.sparkplug({ topic: notice.topic, payload: notice.payload }).catch(lost)
      emit([undefined, notice])
    },
    changed: show,
    failed: (thrown, msg) => node.error(LoomError.from(thrown), msg as never),
    emit: emitAgain,
  })
  const meansSparkplug = ({ contentType }: Msg): boolean =>
    options.format === 'sparkplug' ||
    (options.format === 'auto' && typeof contentType === 'string' && codecOfType(contentType) === 'sparkplug')
  const take = (msg: Msg, emit: Emit): Promise<void> =>
    meansSparkplug(msg) && stageOf(msg) !== 'validate' ? sparkplug.take(msg, emit) : settle(msg, emit)
  show()

  /** What is decoded already goes on, if its values fit. */
  async function pass(msg: Msg, emit: Emit): Promise<void> {
    const check = valid && (await checkOf(await valid.get()))
    const good: Reading[] = []
    const bad: Refused[] = []
    for (const reading of whole(readingsOf(msg, Date.now()), emit))
      try {
        if (check) assertFits(check, [reading])
        good.push(reading)
      } catch (error) {
        bad.push({ original: originalOfReading(reading), error: error as LoomError, stage: 'validate' })
      }
    decoded += good.length
    show()
    if (good.length) emit(withReadings(msg, good))
    const [first, ...more] = bad
    if (first) await refuse(msg, [first, ...more], !good.length, emit)
    else if (!good.length) await deliveries.acknowledge(msg.delivery)
  }

  const failed = (thrown: unknown): void => node.error(LoomError.from(thrown))
  const sent = new SentDeliveries(failed)
  let tail: Promise<void> = Promise.resolve()
  let stopped = false
  const takeBack = async ({ delivery, ...msg }: Msg, emit: Emit): Promise<void> => {
    let kept = true
    try {
      await take(msg as Msg, emit)
    } catch (thrown) {
      kept = reasonOf(thrown) !== undefined
      node.error(LoomError.from(thrown), msg as never)
    }
    if (kept) sent.add(delivery)
  }
  const replays =
    ref &&
    (await openReplays(ref, consumerOf(id), msg => {
      tail = tail.then(() => (stopped ? undefined : takeBack(msg, emitAgain))).catch(failed)
    }))

  return {
    input(msg, emit) {
      const order = schemaOrder(msg, `node ${id}`)
      if (order) return order(ref?.hub).then(text => status('ok', text))
      if (isOpaque(msg.payload)) return take(msg, emit)
      if (valid || frames) return pass(msg, emit)
      return msg
    },
    stop() {
      stopped = true
      sparkplug.stop()
      replays?.stop()
      sent.stop()
    },
    async close(removed) {
      valid?.close()
      await tail
      await replays?.close({ forget: removed })
    },
  }
}
