import assert from 'node:assert/strict'
import type { Talk } from '../mqtt-wire.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'
import { endAll, type LiveHub, liveHub } from './live-hub.ts'

const count = 1000

describe(`${count} live connections`, function () {
  this.timeout(120_000)
  afterEach(endAll)

  async function fleet(): Promise<{ live: LiveHub; devices: { id: string; key: string; peer: Talk }[] }> {
    const live = await liveHub({ threaded: true })
    const devices: { id: string; key: string; peer: Talk }[] = []
    for (let i = 0; i < count; i += 50)
      devices.push(
        ...(await Promise.all(
          Array.from({ length: 50 }, async (_, k) => {
            const id = `d${i + k}`
            const key = (await live.register(id)).primaryKey!
            const { peer, code } = await live.dial(sasLogin(id, key))
            assert.equal(code, 0)
            return { id, key, peer }
          }),
        )),
      )
    // a connection counts a moment after its CONNACK
    await until(async () => (await live.hub.health.get({})).connections === count)
    return { live, devices }
  }

  const report = (what: string, times: number[]) => {
    const sorted = times.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)
    console.log(`      ${what}: closed after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`)
  }

  for (const [what, end] of [
    ['disabled', (live: LiveHub, id: string) => live.hub.devices.update({ id, enabled: false })],
    ['deleted', (live: LiveHub, id: string) => live.hub.devices.delete({ id })],
  ] as const)
    it(`are each closed when their device is ${what}, and cannot come back`, async () => {
      const { live, devices } = await fleet()
      const times: number[] = []
      for (const { id, peer } of devices) {
        const begun = performance.now()
        const closed = peer.closed().then(() => times.push(performance.now() - begun))
        await Promise.all([end(live, id), closed])
      }
      report(what, times)
      assert.equal(times.length, count)
      assert.equal((await live.hub.health.get({})).connections, 0)
      for (const { id, key } of devices.slice(0, 20)) assert.equal((await live.dial(sasLogin(id, key))).code, 5)
      await live.serves()
    })
})
