import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createMethodCalls, methodLimits, type MethodDelivery } from '../../src/commands/method-calls.ts'
import { createClock } from '../provisioning/dps-house.ts'
import { codeOf } from '../pki/make.ts'

function house() {
  const clock = createClock()
  const sent: MethodDelivery[] = []
  const woken: string[] = []
  const state = { outcome: 'sent' as 'sent' | 'away' | 'untaken', failure: undefined as Error | undefined }
  const calls = createMethodCalls({
    async deliver({ deviceId, name, rid, payload }) {
      if (state.failure) throw state.failure
      if (state.outcome === 'sent') sent.push({ deviceId, name, rid, payload })
      return state.outcome
    },
    wake: ({ deviceId }) => void woken.push(deviceId),
    schedule: clock.schedule,
    now: () => clock.now,
    random: randomBytes,
  })
  const turn = () => new Promise(setImmediate)
  return { clock, sent, woken, state, calls, turn }
}

describe('a method', () => {
  it('reaches the device and brings its answer', async () => {
    const { sent, calls, turn, clock } = house()
    const result = calls.call({ deviceId: 'a', name: 'blink', payload: { times: 3 } })
    await turn()
    const { rid, ...rest } = sent[0]!
    assert.deepEqual(rest, { deviceId: 'a', name: 'blink', payload: '{"times":3}' })
    assert.equal(calls.answer({ deviceId: 'b', rid, status: 200, payload: 1 }), false, "another device's answer is none")
    assert.equal(calls.answer({ deviceId: 'a', rid, status: 207, payload: { done: true } }), true)
    assert.deepEqual(await result, { status: 207, payload: { done: true } })
    assert.equal(calls.answer({ deviceId: 'a', rid, status: 200, payload: 1 }), false, 'a second answer is late')
    assert.deepEqual([calls.open, clock.timers], [0, 0])
  })

  it('of a device that is away fails at once, or waits for it as long as it is told', async () => {
    const { state, calls, turn, clock, sent, woken } = house()
    state.outcome = 'away'
    await assert.rejects(calls.call({ deviceId: 'a', name: 'm' }), codeOf('COMMAND_DEVICE_OFFLINE'))
    assert.deepEqual(woken, [], 'nobody wakes a device that is not waited for')
    const comes = calls.call({ deviceId: 'a', name: 'm', connectTimeoutMs: 5000 })
    const never = assert.rejects(
      calls.call({ deviceId: 'b', name: 'm', connectTimeoutMs: 5000 }),
      codeOf('COMMAND_DEVICE_OFFLINE'),
    )
    await turn()
    clock.turn(4999)
    state.outcome = 'sent'
    calls.listening('a')
    calls.listening('a')
    await turn()
    clock.turn(1)
    await never
    assert.equal(sent.length, 1, 'it is given to the device once')
    assert.equal(sent[0]!.payload, 'null')
    calls.answer({ deviceId: 'a', rid: sent[0]!.rid, status: 200, payload: null })
    assert.equal((await comes).status, 200)
    assert.deepEqual(woken, ['a', 'b'], 'each was to be woken once a minute')
    assert.equal(clock.timers, 0)
  })

  it('that nobody takes is unsupported; one that nobody answers ends with its time', async () => {
    const { state, calls, turn, clock, woken } = house()
    state.outcome = 'untaken'
    await assert.rejects(calls.call({ deviceId: 'a', name: 'm' }), codeOf('COMMAND_UNSUPPORTED'))
    state.outcome = 'sent'
    const silent = assert.rejects(calls.call({ deviceId: 'a', name: 'm', responseTimeoutMs: 1000 }), codeOf('COMMAND_TIMEOUT'))
    await turn()
    clock.turn(1000)
    await silent
    assert.deepEqual([calls.open, woken.length], [0, 0])
  })

  it('with a name, payload or time that cannot be is refused before it is sent', async () => {
    const { calls, sent } = house()
    for (const name of ['', 'a b', 'a/b', 'a#', 'x+', 'ä', 'a$', 'x'.repeat(65), 7 as never])
      await assert.rejects(calls.call({ deviceId: 'a', name }), codeOf('COMMAND_INVALID'), String(name))
    for (const times of [
      { connectTimeoutMs: -1 },
      { responseTimeoutMs: 999 },
      { responseTimeoutMs: Number.NaN },
      { connectTimeoutMs: '1' as never },
    ])
      await assert.rejects(calls.call({ deviceId: 'a', name: 'm', ...times }), codeOf('COMMAND_INVALID'))
    const loop: { self?: unknown } = {}
    loop.self = loop
    await assert.rejects(calls.call({ deviceId: 'a', name: 'm', payload: loop }), codeOf('COMMAND_INVALID'))
    await assert.rejects(calls.call({ deviceId: 'a', name: 'm', payload: 'x'.repeat(131_071) }), codeOf('COMMAND_TOO_LARGE'))
    assert.equal(sent.length, 0)
  })

  it('is one of a bounded number', async () => {
    const { calls, sent, turn } = house()
    const open = Array.from({ length: methodLimits.perDevice }, () => calls.call({ deviceId: 'a', name: 'm' }))
    await turn()
    await assert.rejects(calls.call({ deviceId: 'a', name: 'm' }), codeOf('COMMAND_QUEUE_FULL'))
    for (const { rid } of sent) calls.answer({ deviceId: 'a', rid, status: 200, payload: null })
    await Promise.all(open)
    assert.equal(calls.open, 0)
  })

  it('fails with its delivery, and with the end of the hub', async () => {
    const { calls, state, turn, clock } = house()
    state.failure = new Error('socket')
    await assert.rejects(calls.call({ deviceId: 'a', name: 'm' }), /socket/)
    state.failure = undefined
    const last = assert.rejects(calls.call({ deviceId: 'a', name: 'm' }), codeOf('HUB_DOWN'))
    await turn()
    calls.close()
    await last
    assert.deepEqual([calls.open, clock.timers], [0, 0])
  })
})
