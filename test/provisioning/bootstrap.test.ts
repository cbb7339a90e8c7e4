import assert from 'node:assert/strict'
import { bootstrapDocument, prunedBootstrap } from '../../src/provisioning/bootstrap.ts'
import { codeOf, start } from '../pki/make.ts'

const source = {
  endpoints: [{ kind: 'mqtts', address: 'hub:8883' }] as const,
  cas: ['old ca'],
  now: start,
  intervals: { telemetryMs: 60_000 },
  configuration: { site: 'north' },
}

describe('the bootstrap document', () => {
  it('says where to go, whom to trust and what time it is', () => {
    assert.deepEqual(bootstrapDocument(source), {
      v: 1,
      endpoints: [{ kind: 'mqtts', address: 'hub:8883' }],
      cas: ['old ca'],
      time: start,
      timeUtc: '2026-05-06T07:08:09.000Z',
      intervals: { telemetryMs: 60_000 },
      configuration: { site: 'north' },
    })
  })

  it('only grows: the old CA and the old endpoint stay behind the new ones, members keep their last value', () => {
    const first = bootstrapDocument(source)
    const second = bootstrapDocument(
      {
        endpoints: [{ kind: 'https', address: 'hub:8443' }],
        cas: ['new ca', 'old ca'],
        now: start + 1,
        intervals: { heartbeatMs: 5 },
        configuration: { site: 'south', more: 1 },
      },
      first,
    )
    assert.deepEqual(second.endpoints, [
      { kind: 'https', address: 'hub:8443' },
      { kind: 'mqtts', address: 'hub:8883' },
    ])
    assert.deepEqual(second.cas, ['new ca', 'old ca'])
    assert.deepEqual(second.intervals, { telemetryMs: 60_000, heartbeatMs: 5 })
    assert.deepEqual(second.configuration, { site: 'south', more: 1 })
    assert.equal(second.time, start + 1)
    for (const member of Object.keys(first)) assert.ok(member in second)
    const third = bootstrapDocument({ ...source, cas: ['old ca'] }, second)
    assert.deepEqual(third.cas, ['old ca', 'new ca'])
    assert.deepEqual(third.endpoints[0], { kind: 'mqtts', address: 'hub:8883' })
    assert.equal(third.endpoints.length, 2)
  })

  it('shrinks only by an operator, and has a limit', () => {
    const document = bootstrapDocument({ ...source, cas: ['a', 'b'] })
    assert.deepEqual(prunedBootstrap(document, { cas: ['a'] }).cas, ['b'])
    assert.deepEqual(prunedBootstrap(document, { endpoints: [{ kind: 'mqtts', address: 'hub:8883' }] }).endpoints, [])
    assert.throws(() => bootstrapDocument({ ...source, configuration: { x: 'x'.repeat(66_000) } }), codeOf('STORE_LIMIT'))
  })
})
