import assert from 'node:assert/strict'
import { createDeviceHttp, type DeviceHttpParts } from '../../src/hub/device-http.ts'

describe('device requests in work', () => {
  let waiting: (() => void)[]
  let refused: Parameters<DeviceHttpParts['refused']>[0][]
  let denied: string[]
  let handle: ReturnType<typeof createDeviceHttp>

  beforeEach(() => {
    waiting = []
    refused = []
    denied = []
    handle = createDeviceHttp({
      authenticator: {
        authenticate: async ({ username }) =>
          username === 'pump'
            ? { ok: true, deviceId: 'pump', cid: 'c', kind: 'password' }
            : { ok: false, connack: 5, code: 'CRED_INVALID', reason: 'wrong', delayMs: 2000 },
      } as DeviceHttpParts['authenticator'],
      ingest: (_arrival, done) => done(undefined, 1),
      limits: { payloadBytes: 1000 },
      now: () => 1,
      delay: () => new Promise<void>(resolve => void waiting.push(resolve)),
      rights: {
        admit: async () => ({
          decide: (_action: string, name: string) => (denied.includes(name) ? 'deny' : 'none'),
          quarantined: false,
        }),
        end: () => {},
        strict: false,
      } as unknown as DeviceHttpParts['rights'],
      own: {} as DeviceHttpParts['own'],
      provisioning: async () => undefined,
      requests: () => undefined,
      active: () => {},
      refused: refusal => refused.push(refusal),
      traceId: () => 't',
    })
  })

  const send = async (user: string, path = `/v1/devices/${user}/telemetry`) => {
    const authorization = `Basic ${Buffer.from(`${user}:x`).toString('base64')}`
    const request = { method: 'POST', path, query: '', headers: { authorization }, body: Buffer.from('{}') }
    return (await handle(request, { address: '192.0.2.1', secure: true })).status
  }
  const turn = () => new Promise(resolve => setImmediate(resolve))

  it('refusals that wait keep no device out, and beyond so many they do not wait', async () => {
    const statuses: number[] = []
    const guesses: Promise<unknown>[] = []
    for (let batch = 0; batch < 3; batch++) {
      for (let i = 0; i < 100; i++) guesses.push(send('ghost').then(status => statuses.push(status)))
      await turn()
    }
    assert.deepEqual([waiting.length, statuses], [256, Array(44).fill(401)])
    assert.equal(await send('pump'), 204)
    for (const go of waiting.splice(0)) go()
    await Promise.all(guesses)
    assert.deepEqual(statuses, Array(300).fill(401))
    const again = send('ghost')
    await turn()
    assert.equal(waiting.length, 1)
    waiting[0]!()
    assert.equal(await again, 401)
  })

  it('asks to come again while too many are in work', async () => {
    const all = await Promise.all(Array.from({ length: 300 }, () => send('pump')))
    assert.deepEqual(
      [204, 429].map(status => all.filter(one => one === status).length),
      [256, 44],
    )
  })

  it('names the device of a refusal only where a device could be called that', async () => {
    for (const id of ['fan', 'd'.repeat(129), 'a|b', 'a b']) {
      const answer = send('ghost', `/v1/devices/${encodeURIComponent(id)}/telemetry`)
      await turn()
      waiting.pop()!()
      assert.equal(await answer, 401)
    }
    assert.deepEqual(
      refused.map(({ device }) => device),
      ['fan', undefined, undefined, undefined],
    )
  })

  it('a Deny on the topic of Azure counts in each form', async () => {
    const path = '/devices/pump/messages/events'
    assert.equal(await send('pump', path), 204)
    for (const topic of ['devices/pump/messages/events', 'devices/pump/messages/events/']) {
      denied = [topic]
      assert.equal(await send('pump', path), 403, topic)
    }
  })
})
