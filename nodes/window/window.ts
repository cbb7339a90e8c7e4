import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { endFaulty } from '../../src/nodered/batch-faults.ts'
import { defineNode, type NewMsg } from '../../src/nodered/define.ts'
import { deliveries } from '../../src/nodered/delivery.ts'
import { NodeState } from '../../src/nodered/node-state.ts'
import { Taken } from '../../src/nodered/taken.ts'
import { sortedReadingsOf } from '../../src/telemetry/message.ts'
import type { Reading } from '../../src/telemetry/reading.ts'
import type { Result, WindowEngine, WindowEvent } from '../../src/window/types.ts'
import { createWindow } from '../../src/window/window.ts'
import { type, type WindowNodeConfig, windowConfigOf } from './config.ts'

/** What a Date can hold, ms. */
const latestTime = 8.64e15
/** Results in one message; more come in further messages, a turn of the loop apart. */
const chunk = 10_000
/** Readings left out are reported once in so long. */
const reportMs = 60_000

export default defineNode<WindowNodeConfig & NodeDef>(type, async (config, { node, RED, status, signal, emit }) => {
  const engineConfig = windowConfigOf(config)
  const state = new NodeState({ userDir: RED.settings.userDir, nodeId: config.id, kind: 'window' })
  const fresh = (): WindowEngine => started(createWindow({ ...engineConfig, startMs: Date.now() }))
  let engine = (await restored()) ?? fresh()
  let [sent, lateSent, lastArrival] = [0, 0, Number.NEGATIVE_INFINITY]
  let [leftOut, reported, reportedAt] = [0, 0, Number.NEGATIVE_INFINITY]
  const taken = new Taken()

  async function restored(): Promise<WindowEngine | undefined> {
    const before = createWindow(engineConfig)
    try {
      const snapshot = await state.take()
      if (!snapshot) return undefined
      before.restore(snapshot)
      return started(before)
    } catch (thrown) {
      node.warn(LoomError.from(thrown).message)
      return undefined
    }
  }

  const show = (): void => {
    const at = engine.watermark()
    const clock = Number.isFinite(at) ? new Date(at).toISOString().slice(11, 19) : '–'
    const behind = lastArrival - at > 2 * engineConfig.sizeMs + Number(config.outOfOrderMs)
    const some = (count: number, what: string): string => (count ? ` · ${count} ${RED._(`window.${what}`)}` : '')
    status(
      leftOut || (Number.isFinite(at) && behind) ? 'warn' : 'ok',
      `${clock} · ${sent}${some(lateSent, 'late')}${some(leftOut, 'leftOut')}`,
    )
  }

  /** Takes what was not taken before; a push that fails has taken what came ahead of it. */
  const take = (readings: Reading[], again: boolean, now: number): Result[] => {
    const results: Result[] = []
    const before = engine.late.invalid
    try {
      for (const reading of readings) {
        if (again && taken.has(reading)) continue
        for (const result of engine.push(eventOf(reading, now))) results.push(result)
        taken.add(reading)
      }
    } catch (thrown) {
      void release(results)
      throw thrown
    } finally {
      leftOut += engine.late.invalid - before
    }
    return results
  }

  /** Says that readings of further keys were left out: at once, then for a minute together. */
  const report = (now: number): void => {
    if (leftOut === reported || now - reportedAt < reportMs) return
    const hint = 'fewer devices, or other values to group by'
    node.error(new LoomError('WINDOW_STATE_LIMIT', `${leftOut - reported} readings of further keys were left out`, { hint }))
    reported = leftOut
    reportedAt = now
  }

  /** Sends results and what came too late, at once unless a step has very many. */
  const release = (results: Result[], from = engine): void | Promise<void> => {
    const watermark = from.watermark()
    const window = { node: config.id, ...(Number.isFinite(watermark) && { watermark }) }
    const late = from.takeLate().map(({ event, reason, behindMs }) => ({ ...messageOf(event), late: { reason, behindMs } }))
    sent += results.length
    lateSent += late.length
    if (late.length) emit([undefined, late])
    const send = (some: Result[]): void => emit([messagesOf(some, config).map(msg => ({ ...msg, window }))])
    if (results.length > chunk) return sendSlowly(results, send)
    if (results.length) send(results)
    show()
  }

  const sendSlowly = async (results: Result[], send: (some: Result[]) => void): Promise<void> => {
    for (let at = 0; at < results.length && !signal.aborted; at += chunk) {
      send(results.slice(at, at + chunk))
      await nextTurn()
    }
    show()
  }

  /** Obeys `msg.window`; undefined if that is no command, as in results of another window node. */
  const obey = (asked: unknown): { done: void | Promise<void> } | undefined => {
    if (asked === 'flush' || asked === 'reset') {
      const before = engine
      engine = fresh()
      return { done: asked === 'flush' ? release(before.flush(), before) : undefined }
    }
    const { advanceTo } = (asked ?? {}) as { advanceTo?: unknown }
    if (advanceTo === undefined) return undefined
    if (typeof advanceTo !== 'number' || !(Math.abs(advanceTo) <= latestTime))
      throw new LoomError('NODE_CONFIG', `advanceTo ${String(advanceTo).slice(0, 40)}`, { hint: 'epoch milliseconds' })
    return { done: release(engine.advanceTo(advanceTo)) }
  }

  const failed = (thrown: unknown): void => node.error(LoomError.from(thrown))
  const tick = async (): Promise<void> => {
    await release(engine.tick(Date.now()))
    report(Date.now())
  }
  const ticking = setInterval(() => void tick().catch(failed), 1000).unref()
  show()

  return {
    input(msg) {
      const obeyed = obey(msg.window)
      if (obeyed) return obeyed.done
      const now = Date.now()
      lastArrival = now
      const { readings, faults } = sortedReadingsOf(msg, now)
      const sending = release(take(readings, msg.redelivered === true, now))
      report(now)
      if (faults.length) return endFaulty(msg.delivery, faults, config.id)
      if (msg.delivery === undefined) return sending
      return Promise.all([sending, deliveries.acknowledge(msg.delivery)]).then(() => undefined)
    },
    stop: () => clearInterval(ticking),
    close: removed => (removed ? state.remove() : state.write(engine.snapshot())),
  }
})

/** An engine whose arrival clock runs. */
function started(engine: WindowEngine): WindowEngine {
  engine.tick(Date.now())
  return engine
}

function eventOf({ device, time, values, arrived, seq }: Reading, now: number): WindowEvent {
  return { key: device, time, values, arrival: arrived ?? now, ...(seq !== undefined && { seq }) }
}

const messageOf = ({ key = '', time, values, arrival, seq }: WindowEvent): NewMsg => ({
  payload: values,
  device: key,
  time,
  ...(arrival !== undefined && { arrived: arrival }),
  ...(seq !== undefined && { seq }),
})

const readingOf = ({ key, end, values }: Result): Reading => ({ device: key, time: end, values })

function messagesOf(results: Result[], { output, form }: WindowNodeConfig): NewMsg[] {
  if (output === 'array') return [{ payload: form === 'readings' ? results.map(readingOf) : results }]
  return results.map(result => ({
    payload: form === 'readings' ? result.values : result,
    device: result.key,
    time: result.end,
  }))
}
