import assert from 'node:assert/strict'
import { until } from '../processes.ts'
import { installedNodeRed } from './installed-node-red.ts'

const limitMs = 120_000

describe('the examples of rules', function () {
  this.timeout(600_000)
  const { deploy, shownJson: shown } = installedNodeRed('route')

  it('part warm rooms from all rooms, and what is no room goes to the fallback', async () => {
    await deploy('02-insights/route')
    const hot = await until(
      'warm rooms',
      () => {
        const found = shown<{ temperature: number; room: string; above: number }>('rt-hot')
        return found.length > 2 ? found : undefined
      },
      limitMs,
    )
    for (const { temperature, room, above } of hot) {
      assert.match(room, /^route-room-000[123]$/)
      assert.ok(temperature > 20.4 && Math.abs(temperature - 20.4 - above) < 0.02, `${temperature} ${above}`)
    }
    const rest = await until('a pump', () => shown<Record<string, number>>('rt-rest')[0], limitMs)
    assert.ok(!('humidity' in rest) && !('co2' in rest), JSON.stringify(rest))
    assert.deepEqual(shown('rt-err'), [])
  })

  it('are shared, run in the hub, and say what fails', async () => {
    await deploy('02-insights/shared-rules')
    type Failure = { ruleName: string; failures: { failedAction: string; errorMessage: string }[] }
    const failed = await until('the failure', () => shown<Failure>('rs-failed')[0], limitMs)
    assert.deepEqual([failed.ruleName, failed.failures[0]?.failedAction], ['too large', 'Rule'])
    assert.match(failed.failures[0]!.errorMessage, /1000 outputs/)
    await until('messages', () => shown<number>('rs-all').some(count => count > 300), limitMs)
    const [all, wanted] = ['rs-all', 'rs-wanted-n'].map(id => Math.max(0, ...shown<number>(id))) as [number, number]
    assert.ok(wanted < all, `${wanted} of ${all}`)
  })
})
