import assert from 'node:assert/strict'
import { join } from 'node:path'
import { start, stopAll, tempFolder } from '../processes.ts'

describe('a hub that is killed in the middle of a roll-out over 1,000 devices', function () {
  this.timeout(600_000)
  after(() => stopAll())

  it('goes on where it was: every twin is right, every count exact, every event told once', async () => {
    const folder = tempFolder('configuration')
    const run = (perSecond: number) =>
      start(process.execPath, [join(import.meta.dirname, 'configuring-hub.ts'), join(folder, 'hub'), String(perSecond)])
    const first = run(50)
    await first.says(/applied [1-9]\d\d\b/, 240_000)
    await first.stop('SIGKILL')
    assert.doesNotMatch(first.output(), /END/, 'it was cut off')
    const second = run(0)
    const [, before] = await second.says(/applied (\d+)/, 240_000)
    assert.ok(Number(before) < 1000, `${before} were applied before`)
    const [, text] = await second.says(/END (.*)/, 240_000)
    const none = { held: 0, pending: 0, failed: 0, overruled: 0, converged: 0 }
    assert.deepEqual(JSON.parse(text!), {
      right: 1000,
      events: 1250,
      twice: 0,
      all: { ...none, targeted: 1000, applied: 1000, conflicts: 250 },
      siteA: { ...none, targeted: 250, applied: 250, conflicts: 0 },
    })
    await second.exited
  })
})
