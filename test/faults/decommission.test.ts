import assert from 'node:assert/strict'
import { join } from 'node:path'
import { decommissionSteps } from '../../src/hub/decommission.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { type Child, start, stopAll, tempFolder } from '../processes.ts'

describe('a decommission under kill -9', function () {
  this.timeout(600_000)
  afterEach(stopAll)

  it('goes on after the last step that is on record, wherever it was cut off, and answers the same call with one report', async () => {
    const options: HubOptions = {
      hubId: 'faults',
      dataDir: join(tempFolder('retire'), 'data'),
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
    }
    const launch = (held?: string): Child =>
      start(
        process.execPath,
        [
          '--disable-warning=ExperimentalWarning',
          ...['--import', join(import.meta.dirname, 'held-step.mjs'), join(import.meta.dirname, 'retiring-hub.ts')],
          JSON.stringify(options),
        ],
        { env: { HELD_STEP: held } },
      )
    // `revoke` and `leave` are one transaction; of each other step the work was done and its record not made, or both and nothing after it
    const cuts = ['leave:before', 'leave:after', ...decommissionSteps.slice(2).map(step => `${step}:before`), 'telemetry:after']
    for (const held of cuts) {
      const child = launch(held)
      await child.says(new RegExp(`^HELD ${held}$`, 'm'), 120_000)
      // A hub that goes on by itself may get there before the process says what it found.
      const found = /^STATE (.*)$/m.exec(child.output())?.[1]
      const before = held.startsWith('leave') ? 'active' : 'retired'
      assert.ok(found === before || (found === undefined && before === 'retired'), `${held}: ${found}`)
      await child.stop('SIGKILL')
    }
    const child = launch()
    const { decommission, ...rest } = JSON.parse((await child.says(/^END (.*)$/m, 120_000))[1]!)
    assert.deepEqual(rest, {
      same: true,
      rows: [0, 3000],
      members: ['stay'],
      credentials: ['revoked'],
      refused: 'IDENTITY_EXISTS',
      audited: ['device.eraseTelemetry user anna', 'device.retire user anna', 'device.create hub'],
      whole: true,
    })
    assert.deepEqual(
      decommission.steps.map(({ step }: { step: string }) => step),
      decommissionSteps,
    )
    const { done, by, reason, archive } = decommission
    assert.deepEqual([done, by, reason, archive.tags, archive.groups], [true, 'user anna', 'scrapped', { site: 'b' }, ['plant']])
    assert.deepEqual(archive.twins[''].desired, { on: true })
  })
})
