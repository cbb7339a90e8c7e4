import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { start, stopAll, tempFolder } from '../processes.ts'
import { inHours, sasToken } from '../sas-token.ts'
import { until } from '../until.ts'
import type { IdleFleet } from './idle-fleet.ts'
import { endAll, liveHub } from './live-hub.ts'

const count = Number(process.env.FLEET_DEVICES ?? (process.env.CI ? 2000 : 10_000))
const revokedCount = 100
/** one of so many has a certificate; the others sign with a key */
const certified = 10
const limitMs = 120_000

describe(`a fleet of ${count.toLocaleString('en')} live connections`, function () {
  this.timeout(600_000)
  afterEach(async () => {
    await stopAll()
    await endAll()
  })

  it(`loses the ${revokedCount} that are revoked one by one before the call returns, for good, and no other; prints how fast`, async () => {
    const begun = performance.now()
    const live = await liveHub({
      threaded: true,
      listeners: (['mqtt', 'mqtts'] as const).map(kind => ({ kind, host: '127.0.0.1', port: 0 })),
      limits: { connectsPerSecond: 0 },
    })
    const { hub } = live
    const ids = Array.from({ length: count }, (_, i) => `d${i}`)
    const cids = new Map<string, string>()
    const devices: IdleFleet['devices'] = []
    let ca = ''
    for (let from = 0; from < count; from += 50)
      await Promise.all(
        ids.slice(from, from + 50).map(async (id, k) => {
          const kind = (from + k) % certified === 0 ? 'x509' : 'sas'
          const { cid, primaryKey, certificatePem, privateKeyPem, caPem } = await live.register(id, { kind })
          ca = caPem
          cids.set(id, cid)
          const token = () => sasToken({ host: 'hub.test', deviceId: id, key: primaryKey!, expiresS: inHours(24) })
          devices.push(
            kind === 'x509'
              ? { fields: { clientId: id }, cert: certificatePem!, key: privateKeyPem! }
              : { fields: { clientId: id, username: `hub.test/${id}/?api-version=2021-04-12`, password: token() } },
          )
        }),
      )
    const registeredMs = performance.now() - begun
    const settings = join(tempFolder('fleet'), 'fleet.json')
    const ports = { mqtt: await live.port('mqtt'), mqtts: await live.port('mqtts') }
    writeFileSync(settings, JSON.stringify({ ports, ca, devices } satisfies IdleFleet), { mode: 0o600 })
    const fleet = start(process.execPath, [join(import.meta.dirname, 'idle-fleet.ts'), settings])
    const [, connectedMs] = await fleet.says(/^READY (\d+)$/m, limitMs)
    const connections = async () => (await hub.health.get({})).connections
    await until(async () => (await connections()) === count, limitMs)

    // spread over the fleet, a third with certificates
    const step = Math.floor(count / revokedCount)
    const victims = Array.from({ length: revokedCount }, (_, i) => {
      const at = i * step - ((i * step) % certified)
      return i % 3 === 0
        ? { id: ids[at]!, how: 'certificate' }
        : { id: ids[at + 1 + (i % 2)]!, how: i % 3 === 1 ? 'key' : 'disabled' }
    })
    assert.equal(new Set(victims.map(({ id }) => id)).size, revokedCount)
    const times: { how: string; ms: number }[] = []
    for (const { id, how } of victims) {
      const called = process.hrtime.bigint()
      await (how === 'disabled'
        ? hub.devices.update({ id, enabled: false })
        : hub.identity.revokeCredential({ id, cid: cids.get(id)!, reason: 'keyCompromise' }))
      // Whatever a device sends once the call has returned is not served: no second passes, however slow the machine.
      fleet.write(`probe ${id}\n`)
      const [, probed] = await fleet.says(new RegExp(`^PROBE ${id} (\\w+)$`, 'm'), limitMs)
      assert.equal(probed, 'closed', `${id}, ${how}`)
      const [, closed] = await fleet.says(new RegExp(`^CLOSED ${id} (\\d+)$`, 'm'))
      times.push({ how, ms: Number(BigInt(closed!) - called) / 1e6 })
    }
    for (const how of ['certificate', 'key', 'disabled', '']) {
      const sorted = times
        .filter(one => !how || one.how === how)
        .map(({ ms }) => ms)
        .sort((a, b) => a - b)
      const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)
      const what = `${sorted.length} revoked${how && `: ${how}`}`
      console.log(`      ${what}: closed after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`)
    }
    console.log(`      registered in ${Math.round(registeredMs)} ms, connected in ${connectedMs} ms`)

    for (const { id } of victims) {
      fleet.write(`again ${id}\n`)
      const [, code] = await fleet.says(new RegExp(`^AGAIN ${id} (-?\\d+)$`, 'm'))
      assert.equal(Number(code), 5, id)
    }
    // every other one is still there, and served
    fleet.write('ping\n')
    await fleet.says(new RegExp(`^SERVED ${count - revokedCount}$`, 'm'), limitMs)
    assert.equal(await connections(), count - revokedCount)
    const closed = [...fleet.output().matchAll(/^CLOSED (\S+)/gm)].map(([, id]) => id!)
    assert.deepEqual(
      closed,
      victims.map(({ id }) => id),
    )
    await live.serves()
  })
})
