import assert from 'node:assert/strict'
import type { TwinView } from '../../src/hub/hub.ts'
import { mergeSection } from '../../src/twin/merge.ts'
import { freePorts, until } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { seeded } from '../seeded.ts'
import { awsDevice, azureDevice, plainDevice, type TwinDevice } from './twin-device.ts'
import { HubProcess } from './twin-hub-process.ts'

type Section = Record<string, unknown>

const count = Number(process.env.CONVERGENCE_DEVICES ?? 200)
const changes = Number(process.env.CONVERGENCE_CHANGES ?? (process.env.CI ? 2000 : 10_000))
const writers = 16
const kills = 3
const dialects = ['plain', 'aws', 'azure'] as const
type Dialect = (typeof dialects)[number]
const makers = { plain: plainDevice, aws: awsDevice, azure: azureDevice }

/** A change of what is desired of a device, its `n`th; each value says which one it was, and so does a member of all. AWS tells devices of no property that goes. */
function changeAt(n: number, dialect: Dialect, random: ReturnType<typeof seeded>): Section {
  const key = `k${random.below(5)}`
  const kind = random.below(dialect === 'aws' ? 3 : 4)
  if (kind === 0) return { n, [key]: n }
  if (kind === 1) return { n, group: { [key]: n, also: n } }
  if (kind === 2) return { n, list: [n, n], [key]: n }
  return { n, [key]: null }
}

describe('twins of devices that come and go, under a hub that is killed', function () {
  this.timeout(900_000)
  const random = seeded(20_261_121)
  let hub: HubProcess
  let port: number
  const devices = new Map<string, { dialect: Dialect; device: TwinDevice; wanted: Section; changes: number }>()

  before(async () => {
    ;[port] = (await freePorts(1)) as [number]
    hub = new HubProcess([{ kind: 'mqtt', host: '127.0.0.1', port }])
    await hub.start()
    for (let n = 0; n < count; n++) {
      const dialect = dialects[n % 3]!
      const id = `${dialect}-${n}`
      devices.set(id, { dialect, device: await meet(id, dialect), wanted: {}, changes: 0 })
    }
  })
  after(async () => {
    await Promise.all([...devices.values()].map(({ device }) => device.stop()))
    await hub?.stop()
  })

  const meet = async (id: string, dialect: Dialect, careless = false): Promise<TwinDevice> => {
    const made = await hub.ask('devices', 'register', { id, ...(dialect === 'azure' && { credentials: { kind: 'sas' } }) })
    const login = dialect === 'azure' ? sasLogin(id, made.secrets!.primaryKey!) : { clientId: id }
    return makers[dialect]({
      id,
      port,
      login,
      random: seeded(random.below(2 ** 31)),
      ...(careless && { careless: true as const }),
    })
  }

  /** Until the hub has said that it is on disk. Who did not hear says the same again: it may have been done. */
  const desire = async (id: string, patch: Section): Promise<void> => {
    await until(
      `a change of ${id} is taken`,
      () => hub.ask('twins', 'patch', { id, desired: patch, by: 'flow' }).then(() => true),
      120_000,
    )
  }

  it(`${changes} changes: each device does and has reported what is desired, and nothing old`, async () => {
    const ids = [...devices.keys()]
    const busy = new Set<string>()
    let made = 0
    let over = false
    const killAt = Array.from({ length: kills }, (_, at) => Math.floor((changes * (at + 1)) / (kills + 1)))
    const versions = new Map<string, number>()
    const begun = Date.now()

    /** Most changes are of devices that are there, the others of any: both ways to hear of them are gone. */
    const pick = async (): Promise<string> => {
      const there = random.next() < 0.7
      return until(
        'a device may be changed',
        () => {
          const open = ids.filter(id => !busy.has(id) && (!there || devices.get(id)!.device.there))
          return open.length > 0 && random.pick(open)
        },
        120_000,
      )
    }
    const writer = async (): Promise<void> => {
      while (made < changes) {
        const mine = made++
        const id = await pick()
        busy.add(id)
        const one = devices.get(id)!
        const patch = changeAt(++one.changes, one.dialect, random)
        await desire(id, patch)
        one.wanted = mergeSection(one.wanted, patch)
        busy.delete(id)
        if (mine % 10 === 0) random.pick([...devices.values()]).device.drop()
      }
    }
    const looker = async (): Promise<void> => {
      while (!over) {
        const id = random.pick(ids)
        const view = await hub.ask('twins', 'get', { id }).catch(() => undefined)
        if (view) {
          assert.ok(view.desiredVersion >= (versions.get(id) ?? 0), `${id} went back to version ${view.desiredVersion}`)
          versions.set(id, view.desiredVersion)
        }
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
    const killer = async (): Promise<void> => {
      for (const at of killAt) {
        await until(`${at} changes`, () => made >= at, 600_000)
        await hub.kill()
        await hub.start()
      }
    }
    const looks = looker()
    await Promise.all([killer(), ...Array.from({ length: writers }, writer)])
    over = true
    await looks
    const wroteMs = Date.now() - begun

    const views = new Map<string, TwinView>()
    const apart = (id: string): string | undefined => {
      const { device, wanted } = devices.get(id)!
      const view = views.get(id)!
      for (const [what, is] of Object.entries({ desired: view.desired, reported: view.reported, own: device.own }))
        if (!isSame(is, wanted)) return `${id} ${what} ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`
      return undefined
    }
    let open = ids
    await until(
      'all agree',
      async () => {
        for (const id of open) views.set(id, await hub.ask('twins', 'get', { id }))
        open = open.filter(id => apart(id) !== undefined)
        if (open.length) throw new Error(`${open.length} do not agree: ${open.slice(0, 3).map(apart).join('; ')}`)
        return true
      },
      180_000,
    )
    const settledMs = Date.now() - begun - wroteMs
    assert.deepEqual(
      [...devices.values()].flatMap(({ device }) => device.faults.map(fault => `${device.id}: ${fault}`)),
      [],
    )
    for (const [id, { desiredVersion }] of views) {
      const { changes: n } = devices.get(id)!
      assert.ok(desiredVersion > n, `${id} is at version ${desiredVersion} after ${n} changes`)
    }
    const sum = (name: keyof TwinDevice['counts']): number =>
      [...devices.values()].reduce((all, { device }) => all + device.counts[name], 0)
    const [live, caughtUp] = [sum('live'), sum('caughtUp')]
    assert.equal(live + caughtUp, changes, 'each change is heard of once')
    assert.ok(live >= changes * 0.3, `${live} of ${changes} changes were pushed to devices that were there`)
    assert.ok(caughtUp >= changes * 0.05, `${caughtUp} of ${changes} changes were caught up with`)
    console.log(
      `      ${count} devices, ${changes} changes in ${(wroteMs / 1000).toFixed(1)} s with ${kills} kills, in agreement ${settledMs} ms later; ${sum('connects')} connects, ` +
        `${live} changes heard live, ${caughtUp} caught up with; ${sum('pushes')} pushes, ${sum('dropped')} of them old or twice, ${sum('gaps')} after a gap, ${sum('reports')} reports, ${sum('refused')} refused`,
    )
  })

  it('devices that leave versions out of account are found to apply old values', async () => {
    const some = await Promise.all(
      (['plain', 'azure'] as const).flatMap(dialect =>
        Array.from({ length: 5 }, async (_, n) => ({ dialect, device: await meet(`careless-${dialect}-${n}`, dialect, true) })),
      ),
    )
    await until('they are there', () => some.every(({ device }) => device.counts.connects === 1), 60_000)
    await Promise.all(
      some.map(async ({ device }) => {
        for (let n = 1; n <= 60; n++) await desire(device.id, { k: n, [`k${n % 3}`]: n })
        await until('it has heard the last', () => device.counts.pushes >= 60, 60_000)
      }),
    )
    const faults = some.flatMap(({ device }) => device.faults)
    await Promise.all(some.map(({ device }) => device.stop()))
    assert.ok(faults.filter(fault => fault.startsWith('stale')).length > 5, `${faults.length} faults`)
  })
})

const isSame = (some: unknown, other: unknown): boolean => {
  try {
    assert.deepStrictEqual(some, other)
    return true
  } catch {
    return false
  }
}
