import assert from 'node:assert/strict'
import { openAuditTrail } from '../../src/hub/audit-trail.ts'
import { decommissionSteps } from '../../src/hub/decommission.ts'
import { devicesColl, twinsColl } from '../../src/hub/devices.ts'
import { openDecommissions } from '../../src/hub/open-decommissions.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { openMemoryWarmStore } from '../../src/stores/memory/warm-store.ts'
import { houseOf } from '../identity/make.ts'
import { random, start } from '../pki/make.ts'

const now = () => start

async function houseWith({ failing }: { failing: Set<string> }) {
  const { registry } = await houseOf()
  const [identities, state, audit] = await Promise.all([1, 2, 3].map(() => openMemoryStateStore({ now })))
  const stores = { identities: identities!, state: state! }
  await stores.state.declare(devicesColl, {})
  await stores.state.declare(twinsColl, {})
  const warm = await openMemoryWarmStore({ now })
  const trail = await openAuditTrail({ audit: audit!, stores, key: Buffer.alloc(32, 3), now, random })
  const journal = { oldestSeq: 1, headSeq: 10, pending: 2 }
  const done: string[] = []
  const work = (name: string) => async () => {
    if (failing.has(name)) throw new Error(`${name} fails`)
    done.push(name)
  }
  const open = async () =>
    openDecommissions({
      identities: stores.identities,
      state: stores.state,
      warm,
      journal: { metrics: () => journal as never },
      journalKeepMs: 86_400_000,
      registry,
      groups: { groupsOf: async () => ({ direct: [], all: [] }) },
      policies: { attached: async () => [] },
      registrations: { registrations: async () => ({ items: [] }), forget: async () => {} },
      broker: () => ({ connectionsOf: () => [], send: async () => {}, purge: work('purge') }),
      purgeInbox: work('inbox'),
      drop: work('disconnect'),
      trail,
      inTurn: createTurns(),
      now,
      schedule: () => () => {},
    })
  const retire = async (id: string, decommissions: Awaited<ReturnType<typeof open>>) => {
    const identity = (await registry.get(id))!
    const { write, committed } = await decommissions.begin({ identity, telemetry: 'erase', reason: undefined, by: 'user anna' })
    await registry.setState(id, { state: 'retired' })
    await stores.identities.tx([write])
    committed()
  }
  return { registry, warm, journal, done, open, retire }
}

describe('the steps of a decommission', () => {
  it('that failed are done again, the ones before are not', async () => {
    const failing = new Set(['purge'])
    const house = await houseWith({ failing })
    await house.registry.register({ id: 'pump' })
    const decommissions = await house.open()
    await house.retire('pump', decommissions)
    await assert.rejects(decommissions.carryOut('pump'), /purge fails/)
    const part = await decommissions.report('pump')
    assert.deepEqual([part.done, part.steps.map(({ step }) => step)], [false, ['revoke', 'leave', 'tell', 'disconnect']])
    await assert.rejects(decommissions.resume(), /purge fails/)
    failing.clear()
    // as after a start
    const next = await house.open()
    await next.resume()
    assert.deepEqual(house.done, ['disconnect', 'purge', 'inbox'])
    const whole = await next.carryOut('pump')
    assert.deepEqual([whole.done, whole.steps.map(({ step }) => step)], [true, [...decommissionSteps]])
    assert.deepEqual(whole.steps.slice(0, 4), part.steps)
  })

  it('of a device that was deleted meanwhile end with its readings; what is late is kept away as long as the journal has it', async () => {
    const house = await houseWith({ failing: new Set(['purge']) })
    const { registry, warm, journal } = house
    await registry.register({ id: 'pump' })
    await warm.append([{ device: 'pump', time: 1, values: { a: 1 } }])
    const crashed = await house.open()
    await house.retire('pump', crashed)
    await assert.rejects(crashed.carryOut('pump'))
    await registry.delete('pump')
    // the process ended before the record could follow
    const next = await house.open()
    assert.equal((await warm.metrics()).rows, 0)
    await assert.rejects(next.report('pump'), { code: 'NOT_FOUND' })
    const row = (jseq: number) => ({ device: 'pump', time: jseq, values: { a: jseq }, jseq })
    assert.deepEqual(await next.append([row(12), row(13)]), { stored: 1, duplicates: 1 })
    const again = await house.open()
    assert.deepEqual(await again.append([row(11)]), { stored: 0, duplicates: 1 })
    journal.headSeq = 40
    journal.oldestSeq = 13
    await again.resume()
    assert.deepEqual(await again.append([row(11)]), { stored: 1, duplicates: 0 })
    assert.deepEqual(await (await house.open()).append([row(10)]), { stored: 1, duplicates: 0 })
  })
})
