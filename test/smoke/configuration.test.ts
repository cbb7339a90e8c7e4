import assert from 'node:assert/strict'
import type { ConfigurationMetrics } from '../../src/hub/hub.ts'
import { until } from '../processes.ts'
import { installedNodeRed } from './installed-node-red.ts'

const limitMs = 240_000

describe('the example of fleet configurations, to its end', function () {
  this.timeout(600_000)
  const { deploy, inject, shown, shownJson } = installedNodeRed('configuration')
  /** Counts of `house` that were told so far. */
  const steps = (): ConfigurationMetrics[] =>
    shownJson<{ configuration: string; payload: ConfigurationMetrics }>('co-d5').flatMap(({ configuration, payload }) =>
      configuration === 'house' ? [payload] : [],
    )

  it('one has all flats, the other begins with four of ten and ends with all; deleted it leaves them to the first', async () => {
    await deploy('03-actions/configuration')
    const far = (text: string) => until(text, () => shown('co-far').includes(text), limitMs)
    await far('house: 20 of 20, done')
    await far('top-floor: 4 of 4, 6 are held, done')
    await far('top-floor: 10 of 10, done')
    await until('ten flats lose a value of the first', () => steps().some(({ conflicts }) => conflicts === 10), limitMs)
    const before = steps().length
    await inject('co-del')
    const asBefore = ({ converged, conflicts }: ConfigurationMetrics) => converged === 20 && conflicts === 0
    await until('all are as before', () => steps().slice(before).some(asBefore), limitMs)
    assert.deepEqual(shown('co-err'), [])
  })
})
