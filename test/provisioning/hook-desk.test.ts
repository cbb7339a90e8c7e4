import assert from 'node:assert/strict'
import { createHookDesk, type HookQuestion } from '../../src/provisioning/hook-desk.ts'
import { checkVerdict } from '../../src/provisioning/hook-verdict.ts'
import type { ProvisioningRequest } from '../../src/provisioning/provisioning-port.ts'
import { codeOf } from '../pki/make.ts'
import { createClock } from './dps-house.ts'

const request = (id: string): ProvisioningRequest => ({
  id,
  kind: 'claim',
  registrationId: 'd',
  deviceId: 'd',
  parameters: {},
  attestation: { kind: 'x509' },
  ip: '192.0.2.7',
  at: 0,
})
const houseOf = (mostOpen?: number) => {
  const clock = createClock()
  const desk = createHookDesk({ now: () => clock.now, schedule: clock.schedule, ...(mostOpen && { mostOpen }) })
  const seen: HookQuestion[] = []
  const leave = desk.subscribe(question => void seen.push(question))
  return { clock, desk, seen, leave, ids: () => seen.map(question => question.request.id) }
}
const timeoutMs = 5000

describe('the hook desk', () => {
  it('carries a question out and the first answer back', async () => {
    const { clock, desk, seen } = houseOf()
    const verdict = desk.ask(request('q'), { timeoutMs })
    assert.deepEqual(seen, [{ request: request('q'), until: clock.now + timeoutMs }])
    desk.answer('q', { allow: true, tags: { a: 1 }, unknown: 1 })
    assert.deepEqual(await verdict, { allow: true, tags: { a: 1 } })
    assert.throws(() => desk.answer('q', { allow: false }), codeOf('NOT_FOUND'))
    assert.equal(clock.timers, 0)
  })

  it('gives up when the time is over', async () => {
    const { clock, desk } = houseOf()
    const verdict = desk.ask(request('q'), { timeoutMs })
    clock.turn(timeoutMs - 1)
    assert.equal(desk.open().length, 1)
    clock.turn(1)
    await assert.rejects(verdict, codeOf('PROV_HOOK_TIMEOUT'))
    assert.deepEqual(desk.open(), [])
    assert.throws(() => desk.answer('q', { allow: true }), codeOf('NOT_FOUND'))
  })

  it('without a listener gives up at once', async () => {
    const { desk, leave } = houseOf()
    leave()
    await assert.rejects(desk.ask(request('q'), { timeoutMs }), codeOf('PROV_HOOK_TIMEOUT'))
  })

  it('tells a listener that came after a redeploy what is open', async () => {
    const { desk, leave, ids } = houseOf()
    const [one, two] = [desk.ask(request('1'), { timeoutMs }), desk.ask(request('2'), { timeoutMs })]
    desk.answer('1', { allow: false })
    leave()
    const later: string[] = []
    desk.subscribe(question => void later.push(question.request.id))
    assert.deepEqual([ids(), later], [['1', '2'], ['2']])
    desk.answer('2', { allow: true })
    assert.deepEqual([(await one).allow, (await two).allow], [false, true])
  })

  it('a listener may answer at once, also what it is told on arrival', async () => {
    const { desk } = houseOf()
    const open = desk.ask(request('1'), { timeoutMs })
    desk.subscribe(question => desk.answer(question.request.id, { allow: true }))
    assert.equal((await desk.ask(request('2'), { timeoutMs })).allow, true)
    assert.equal((await open).allow, true)
  })

  it('asks the same request once', async () => {
    const { desk, ids } = houseOf()
    const both = [desk.ask(request('q'), { timeoutMs }), desk.ask(request('q'), { timeoutMs })]
    desk.answer('q', { allow: true })
    assert.deepEqual(await Promise.all(both), [{ allow: true }, { allow: true }])
    assert.deepEqual(ids(), ['q'])
  })

  it('has a bounded number of them, and none once closed', async () => {
    const { clock, desk } = houseOf(2)
    const two = ['1', '2'].map(id => desk.ask(request(id), { timeoutMs }))
    await assert.rejects(desk.ask(request('3'), { timeoutMs }), codeOf('PROV_THROTTLED'))
    desk.close()
    for (const one of two) await assert.rejects(one, codeOf('PROV_HOOK_TIMEOUT'))
    await assert.rejects(desk.ask(request('4'), { timeoutMs }), codeOf('PROV_HOOK_TIMEOUT'))
    assert.equal(clock.timers, 0)
  })

  it('leaves a question open when the answer is no verdict', async () => {
    const { desk } = houseOf()
    const verdict = desk.ask(request('q'), { timeoutMs })
    const bad: unknown[] = [
      null,
      7,
      {},
      { allow: 'yes' },
      { allow: true, deviceId: '-' },
      { allow: true, hub: 'a b' },
      { allow: true, reason: 7 },
    ]
    bad.push({ allow: true, tags: [] }, { allow: true, policies: [1] }, { allow: true, payload: 'x'.repeat(70_000) })
    bad.push(
      { allow: true, attributes: { a: 1 } },
      { allow: true, payload: () => 1 },
      { allow: true, deviceConfiguration: { a: {} } },
    )
    for (const answer of bad) assert.throws(() => desk.answer('q', answer), codeOf('PROV_INVALID'), JSON.stringify(answer))
    desk.answer('q', { allow: false, reason: 'x'.repeat(600) })
    assert.equal((await verdict).reason?.length, 500)
  })

  it('copies what it was given', () => {
    const tags = { a: { b: 1 } }
    const verdict = checkVerdict({ allow: true, tags })
    tags.a.b = 2
    assert.deepEqual(verdict.tags, { a: { b: 1 } })
    const large = { a: 'x'.repeat(8192) }
    assert.throws(() => checkVerdict({ allow: true, tags: large }), { code: 'PROV_INVALID', position: 'verdict.tags' })
  })

  it('keeps values for template parameters, which are texts', () => {
    const parameterOverrides = { SerialNumber: '77' }
    assert.deepEqual(checkVerdict({ allow: true, parameterOverrides }), { allow: true, parameterOverrides })
    assert.throws(() => checkVerdict({ allow: true, parameterOverrides: { SerialNumber: 77 } }), codeOf('PROV_INVALID'))
  })
})
