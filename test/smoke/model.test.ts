import assert from 'node:assert/strict'
import { until } from '../processes.ts'
import { installedNodeRed } from './installed-node-red.ts'

const limitMs = 120_000

describe('the example of device models, with the package that it needs', function () {
  this.timeout(600_000)
  const { deploy, inject, shown } = installedNodeRed('model', ['ajv@8'])

  it('sets aside what one room sends against the model, and names the path; the others go on', async () => {
    await deploy('01-things/model')
    await until('a violation', () => shown('md-violation').length > 0, limitMs)
    await until('telemetry', () => shown('md-data').length > 0, limitMs)
    await until('the violations of the batch', () => shown('md-bad').length > 0, limitMs)
    for (const text of shown('md-violation'))
      assert.match(text, /^model-room-0002: temperature must be (<= 50 \(maximum\)|>= -20 \(minimum\))/)
    const places = (JSON.parse(shown('md-bad')[0]!) as { path: string; rule: string }[]).map(
      ({ path, rule }) => `${path} ${rule}`,
    )
    assert.deepEqual(places, ['[1].temperature type', '[1].co2 maximum'])
    await inject('md-want')
    await until('what may not be desired', () => shown('md-bad').length > 1, limitMs)
    assert.match(shown('md-bad')[1]!, /"setpoint"/)
    await inject('md-call')
    await until('a call that is right', () => shown('md-res').includes('true'), limitMs)
    assert.deepEqual(shown('md-err'), [])
  })
})
