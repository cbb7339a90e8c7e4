import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { LoomError } from '../../src/errors.ts'
import { openGroupCommands } from '../../src/hub/group-commands.ts'
import type { CommandsEvent, CommandTargets } from '../../src/hub/hub-commands.ts'
import { openOperations } from '../../src/provisioning/bulk-operations.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf } from '../pki/make.ts'

const ids = (count: number) => Array.from({ length: count }, (_, n) => `d${n}`)

async function house() {
  const clock = { now: 1_789_000_000_000 }
  const now = () => clock.now
  const state = await openMemoryStateStore({ now })
  const sent: { id: string; messageId: string }[] = []
  const called: string[] = []
  const waiting = new Set<string>()
  /** devices that do not answer yet */
  const gates = new Map<string, Promise<void>>()
  const events: CommandsEvent[] = []
  const timers = new Map<() => void, number>()
  const ring = (): void => {
    for (const fn of [...timers.keys()]) if (timers.delete(fn)) fn()
  }
  const open = async () => {
    const operations = await openOperations({ store: state, now, random: randomBytes })
    const group = await openGroupCommands({
      state,
      operations,
      commands: {
        async call({ id }) {
          called.push(id)
          await gates.get(id)
          if (id === 'd3') throw new LoomError('COMMAND_DEVICE_OFFLINE', id)
          return { status: 200, payload: id }
        },
        async send({ id, message }) {
          await gates.get(id)
          if (id === 'd3') throw new LoomError('IDENTITY_NOT_FOUND', id)
          if (waiting.has(id)) throw new LoomError('COMMAND_EXISTS', id)
          waiting.add(id)
          sent.push({ id, messageId: message.id! })
          return { id: message.id!, seq: 1, expiresAt: 0 }
        },
      },
      async *targets({ devices }: CommandTargets) {
        yield devices!
      },
      note: () => {},
      emit: event => void events.push(event),
      schedule: (ms, fn) => {
        timers.set(fn, ms)
        return () => void timers.delete(fn)
      },
      now,
      random: randomBytes,
    })
    return { operations, ...group }
  }
  return { clock, state, open, sent, called, gates, events, timers, ring }
}
const message = { body: Buffer.from('x') }

describe('commands to many devices', () => {
  it('that are methods answer with each device’s own outcome, by pages, and failures alone if that is asked', async () => {
    const { open } = await house()
    const { api, operations } = await open()
    const { id, total } = await api.start({ devices: ids(250), method: { name: 'm' }, by: 'user anna' })
    assert.equal(total, 250)
    await operations.ended(id)
    const { state, done, failed, by, detail } = await api.operation({ id })
    assert.deepEqual([state, done, failed, by, detail.method, detail.devices], ['done', 250, 1, 'user anna', 'm', 250])
    const all = []
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await api.results({ id, limit: 70, ...(cursor !== undefined && { cursor }) })
      all.push(...page.items)
      cursor = page.next
    }
    assert.deepEqual(
      all.map(({ device }) => device),
      ids(250),
    )
    assert.deepEqual(all[4], { device: 'd4', ok: true, status: 200, payload: 'd4' })
    assert.deepEqual((await api.results({ id, failed: true })).items, [
      { device: 'd3', ok: false, code: 'COMMAND_DEVICE_OFFLINE' },
    ])
    assert.deepEqual(
      (await api.operations({})).items.map(one => one.id),
      [id],
    )
  })

  it('that are messages go on after a stop where they were, and no device has one twice', async () => {
    const { open, sent, gates } = await house()
    const { promise, resolve } = Promise.withResolvers<void>()
    gates.set('d150', promise)
    const first = await open()
    const { id } = await first.api.start({ devices: ids(300), message, concurrency: 1 })
    while (sent.length < 149) await new Promise(setImmediate)
    const closing = first.operations.close()
    resolve()
    await closing
    assert.ok(sent.length < 300)
    const next = await open()
    assert.equal((await next.api.operation({ id })).state, 'interrupted')
    await next.resumeMessages()
    await next.operations.ended(id)
    const { state, done, failed } = await next.api.operation({ id })
    assert.deepEqual([state, done, failed], ['done', 300, 1])
    assert.equal(sent.length, 299)
    assert.equal(new Set(sent.map(one => one.messageId)).size, 1, 'one id, by which a device tells a repetition')
  })

  it('that were sent before a crash, and not on record, count as sent', async () => {
    const { open, sent, state } = await house()
    const first = await open()
    const { id, detail } = await first.api.start({ devices: ids(50), message })
    await first.operations.ended(id)
    // As a crash leaves it: all is sent, nothing is kept.
    const { items } = await state.query('command_outcomes', {})
    for (const one of items) await state.delete('command_outcomes', one.id)
    const stored = await state.get<object>('operations', id)
    await state.put('operations', id, { ...stored!.doc, state: 'running', done: 0, failed: 0, endedAt: undefined })
    const next = await open()
    await next.resumeMessages()
    await next.operations.ended(id)
    assert.deepEqual([(await next.api.operation({ id })).done, sent.length], [50, 49])
    assert.equal((await next.api.results({ id, failed: true })).items.length, 1)
    assert.ok(detail.run)
  })

  it('that are methods wait for a person after a stop; a cancelled one keeps what it did', async () => {
    const { open, called, gates } = await house()
    const { promise, resolve } = Promise.withResolvers<void>()
    gates.set('d20', promise)
    const first = await open()
    const { id } = await first.api.start({ devices: ids(100), method: { name: 'm' }, concurrency: 1 })
    while (called.length < 21) await new Promise(setImmediate)
    await first.api.cancel({ id })
    resolve()
    await first.operations.ended(id)
    assert.equal((await first.api.operation({ id })).state, 'cancelled')
    assert.equal((await first.api.results({ id })).items.length, 21)
    await first.resumeMessages()
    assert.equal(called.length, 21)
    await first.api.resume({ id })
    await first.operations.ended(id)
    assert.deepEqual([called.length, (await first.api.operation({ id })).failed], [100, 1])
  })

  it('are told live: how far they are, once in a while, and at once that they ended', async () => {
    const { open, events, timers, ring, called, gates, clock } = await house()
    const { promise, resolve } = Promise.withResolvers<void>()
    gates.set('d5', promise)
    const { api, operations } = await open()
    const { id } = await api.start({ devices: ids(8), method: { name: 'm' }, concurrency: 2, by: 'node n' })
    while (called.length < 8) await new Promise(setImmediate)
    await new Promise(setImmediate)
    assert.deepEqual([events.length, [...timers.values()]], [0, [250]])
    ring()
    const event = { type: 'commands', at: clock.now, id, kind: 'commands.method', by: 'node n', total: 8 } as const
    assert.deepEqual(events, [{ ...event, state: 'running', done: 7, failed: 1 }])
    ring()
    assert.equal(events.length, 1, 'nothing has changed')
    resolve()
    await operations.ended(id)
    while (events.length < 2) await new Promise(setImmediate)
    assert.deepEqual(events[1], { ...event, state: 'done', done: 8, failed: 1 })
    assert.equal(timers.size, 0)
  })

  it('that go on after a stop are told as well, with what was done before', async () => {
    const { open, events, ring, sent, gates } = await house()
    const { promise, resolve } = Promise.withResolvers<void>()
    gates.set('d150', promise)
    const first = await open()
    const { id } = await first.api.start({ devices: ids(300), message, concurrency: 1 })
    while (sent.length < 149) await new Promise(setImmediate)
    const closing = first.operations.close()
    resolve()
    await closing
    while (!events.length) await new Promise(setImmediate)
    const { state, done } = events.at(-1)!
    assert.deepEqual([state, done], ['interrupted', 151])
    const next = await open()
    await next.resumeMessages()
    while (sent.length < 299) {
      ring()
      await new Promise(setImmediate)
    }
    while (events.at(-1)!.state !== 'done') await new Promise(setImmediate)
    const [, ...after] = events
    assert.ok(after.every(one => one.id === id && one.done > 100 && one.total === 300))
    assert.deepEqual([after.at(-1)!.done, after.at(-1)!.failed], [300, 1])
  })

  it('that cannot be meant are refused before anything is kept', async () => {
    const { open, state } = await house()
    const { api } = await open()
    const devices = ['d1']
    const method = { name: 'm' }
    for (const wrong of [
      { devices },
      { method },
      { devices, group: 'g', method },
      { devices, method, message },
      { devices: [], method },
      { devices, method: { name: 'a b' } },
      { devices, method, concurrency: 0 },
      { devices, message: { ...message, ttlMs: 1 } },
    ])
      await assert.rejects(api.start(wrong), codeOf('COMMAND_INVALID'))
    await assert.rejects(api.start({ devices, method: { name: 'm', payload: 'x'.repeat(200_000) } }), codeOf('COMMAND_TOO_LARGE'))
    for (const coll of ['command_runs', 'command_targets']) assert.equal((await state.query(coll, {})).items.length, 0)
    for (const ask of [api.operation, api.results, api.cancel, api.resume])
      await assert.rejects(ask({ id: 'nothing' }), codeOf('NOT_FOUND'))
  })

  it('are forgotten a day after their operation', async () => {
    const { open, clock, state } = await house()
    const { api, operations, sweep } = await open()
    const { id } = await api.start({ devices: ids(150), message })
    await operations.ended(id)
    clock.now += 8 * 86_400_000 + 1
    await sweep()
    for (const coll of ['command_runs', 'command_targets', 'command_outcomes'])
      assert.equal((await state.query(coll, {})).items.length, 0, coll)
  })
})
