import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { toAzureDesired, toAzureDeviceTwin, toAzureTwin } from '../../src/twin/azure-twin.ts'
import { desiredPatchBetween } from '../../src/twin/desired-change.ts'
import { newTwin } from '../../src/twin/document.ts'
import { nameOfModule } from '../../src/twin/names.ts'
import { toPlainError, toPlainReported, toPlainTwin } from '../../src/twin/plain-answers.ts'
import { twinProfiles } from '../../src/twin/profiles.ts'
import { applyUpdate } from '../../src/twin/update.ts'
import { frozen } from './model.ts'

const now = Date.UTC(2026, 8, 10, 8)
const desired = { on: true, limits: { low: 1, list: [1, { a: 2 }] } }
const first = frozen(newTwin({ deviceId: 'pump', desired, tags: { site: 'a' }, now }))
const { doc } = frozen(
  applyUpdate(first, { desired: { limits: { low: 2 }, on: null }, reported: { limits: { low: 1 } } }, { now: now + 1500 }),
)

describe('the twin of an Azure device', () => {
  it('has both sections with their versions when the device asks, and nothing else', () =>
    assert.deepEqual(toAzureDeviceTwin(doc), {
      desired: { limits: { low: 2, list: [1, { a: 2 }] }, $version: 3 },
      reported: { limits: { low: 1 }, $version: 2 },
    }))

  it('has tags, and times and versions per member, for a back end', () => {
    const old = { $lastUpdated: '2026-09-10T08:00:00.000Z', $lastUpdatedVersion: 2 }
    const fresh = { $lastUpdated: '2026-09-10T08:00:01.500Z', $lastUpdatedVersion: 3 }
    const reported = { $lastUpdated: '2026-09-10T08:00:01.500Z' }
    assert.deepEqual(toAzureTwin(doc), {
      deviceId: 'pump',
      etag: '2',
      version: 2,
      tags: { site: 'a' },
      properties: {
        desired: {
          limits: { low: 2, list: [1, { a: 2 }] },
          $metadata: { ...fresh, limits: { ...fresh, low: fresh, list: old } },
          $version: 3,
        },
        reported: { limits: { low: 1 }, $metadata: { ...reported, limits: { ...reported, low: reported } }, $version: 2 },
      },
    })
  })

  it('of a module names it', () =>
    assert.equal(toAzureTwin(newTwin({ deviceId: 'pump', name: nameOfModule('edge'), now })).moduleId, 'edge'))

  it('is pushed as the patch with nulls and the version', () =>
    assert.deepEqual(toAzureDesired(desiredPatchBetween(first, doc)), { on: null, limits: { low: 2 }, $version: 3 }))
})

describe('answers to plain devices', () => {
  it('to get: both sections, their versions and what is left to do', () => {
    assert.deepEqual(toPlainTwin(doc), {
      status: 200,
      desired: { limits: { low: 2, list: [1, { a: 2 }] } },
      reported: { limits: { low: 1 } },
      delta: { limits: { low: 2, list: [1, { a: 2 }] } },
      desiredVersion: 3,
      reportedVersion: 2,
    })
    assert.deepEqual(toPlainTwin(newTwin({ deviceId: 'pump', now })).delta, {})
  })

  it('to report: the new version', () => assert.deepEqual(toPlainReported(doc), { status: 200, reportedVersion: 2 }))

  it('that failed have a status, a code of the table and a text', () => {
    assert.deepEqual(toPlainError(new LoomError('TWIN_VERSION_CONFLICT', 'version 3 is expected, 5 is current')), {
      status: 409,
      code: 'TWIN_VERSION_CONFLICT',
      message: 'the twin was changed by someone else: version 3 is expected, 5 is current',
    })
    assert.equal(toPlainError(new LoomError('STORE_LIMIT')).status, 500)
    assert.deepEqual(toPlainError(new TypeError('secret')), { status: 500, code: 'NODE_FAULT', message: 'unexpected failure' })
  })
})

describe('one twin under three dialects', () => {
  it('an AWS report is what the others see, each with its own version', () => {
    const { doc: after } = applyUpdate(doc, { reported: { on: true } }, { now, profile: twinProfiles.aws, version: 2 })
    assert.equal(toAzureDeviceTwin(after).reported.$version, 3)
    assert.equal(toPlainTwin(after).reportedVersion, 3)
    assert.equal(after.version, 3)
    assert.equal(toPlainTwin(after).desiredVersion, 3)
  })
})
