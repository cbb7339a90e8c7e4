import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { deleteDocument } from '../../src/twin/delete.ts'
import { newTwin, type Twin } from '../../src/twin/document.ts'
import { twinProfiles } from '../../src/twin/profiles.ts'
import { readPatch } from '../../src/twin/read-patch.ts'
import {
  toAwsDeleteAccepted,
  toAwsDelta,
  toAwsDocuments,
  toAwsGetAccepted,
  toAwsUpdateAccepted,
} from '../../src/twin/shadow-documents.ts'
import { toAwsRejected } from '../../src/twin/shadow-error.ts'
import { applyUpdate, type TwinUpdate } from '../../src/twin/update.ts'
import { frozen } from './model.ts'

const profile = twinProfiles.aws
/** Seconds of the story; the last three digits of a time are lost on the way to AWS devices. */
const at = (second: number) => ({ now: second * 1000 + 999 })

/** A request as it comes, to a document of before; what is told is made of the result alone. */
function send(doc: Twin, second: number, request: object): TwinUpdate<Twin> & { clientToken?: string } {
  const { patch, ...expected } = readPatch(Buffer.from(JSON.stringify(request)), profile)
  const update = frozen(applyUpdate(frozen(doc), patch, { ...at(second), ...expected, profile }))
  return { ...update, ...(expected.clientToken !== undefined && { clientToken: expected.clientToken }) }
}

const lamp = () => newTwin({ deviceId: 'lamp', now: 0 })

describe('the story of a lamp and its shadow, as AWS documents tell it', () => {
  const reportedBlue = send(lamp(), 100, { state: { reported: { color: 'blue' } }, clientToken: '21b21b21' })
  const wantedRed = send(reportedBlue.doc, 110, { state: { desired: { color: 'red' } }, version: 1 })
  const reportedRed = send(wantedRed.doc, 120, { state: { reported: { color: 'red' } } })

  it('the lamp reports its color: accepted, a document without previous, no delta', () => {
    const context = { ...at(100), clientToken: '21b21b21' }
    assert.deepEqual(toAwsUpdateAccepted(reportedBlue, context), {
      state: { reported: { color: 'blue' } },
      metadata: { reported: { color: { timestamp: 100 } } },
      version: 1,
      timestamp: 100,
      clientToken: '21b21b21',
    })
    assert.equal(reportedBlue.delta, undefined)
    assert.equal(toAwsDelta(reportedBlue.doc, context), undefined)
    assert.deepEqual(toAwsDocuments(reportedBlue, context), {
      current: { state: { reported: { color: 'blue' } }, metadata: { reported: { color: { timestamp: 100 } } }, version: 1 },
      timestamp: 100,
      clientToken: '21b21b21',
    })
    assert.deepEqual(toAwsGetAccepted(reportedBlue.doc, at(105)), {
      state: { reported: { color: 'blue' } },
      metadata: { reported: { color: { timestamp: 100 } } },
      version: 1,
      timestamp: 105,
    })
  })

  it('an app wants it red: the delta says so, with the time of the wish', () => {
    assert.deepEqual(toAwsUpdateAccepted(wantedRed, at(110)), {
      state: { desired: { color: 'red' } },
      metadata: { desired: { color: { timestamp: 110 } } },
      version: 2,
      timestamp: 110,
    })
    assert.deepEqual(toAwsDelta(wantedRed.doc, at(111), wantedRed.delta), {
      version: 2,
      timestamp: 111,
      state: { color: 'red' },
      metadata: { color: { timestamp: 110 } },
    })
    assert.deepEqual(toAwsGetAccepted(wantedRed.doc, at(112)), {
      state: { desired: { color: 'red' }, reported: { color: 'blue' }, delta: { color: 'red' } },
      metadata: { desired: { color: { timestamp: 110 } }, reported: { color: { timestamp: 100 } } },
      version: 2,
      timestamp: 112,
    })
    const { previous, current } = toAwsDocuments(wantedRed, at(110))
    assert.deepEqual(previous, {
      state: { reported: { color: 'blue' } },
      metadata: { reported: { color: { timestamp: 100 } } },
      version: 1,
    })
    assert.equal(current.version, 2)
  })

  it('the lamp turned red: nothing is left to do', () => {
    assert.equal(toAwsDelta(reportedRed.doc, at(120)), undefined)
    assert.deepEqual(toAwsGetAccepted(reportedRed.doc, at(121)).state, { desired: { color: 'red' }, reported: { color: 'red' } })
    assert.equal(reportedRed.doc.version, 3)
  })

  it('the shadow is deleted: its version is told, and goes on with the next one', () => {
    const deleted = deleteDocument(reportedRed.doc, at(130))
    assert.deepEqual(toAwsDeleteAccepted(deleted, { ...at(130), clientToken: 'd' }), {
      version: 3,
      timestamp: 130,
      clientToken: 'd',
    })
    const again = send(deleted, 140, { state: { reported: { color: 'green' } }, version: 3 })
    assert.equal(again.doc.version, 4)
    assert.ok(!('previous' in toAwsDocuments(again, at(140))))
  })

  it('a stale version is refused and changes nothing', () =>
    assert.throws(
      () => send(reportedRed.doc, 150, { state: { desired: { color: 'black' } }, version: 2 }),
      (error: LoomError) => error.code === 'TWIN_VERSION_CONFLICT',
    ))
})

describe('shadow documents', () => {
  it('the delta has the differing channels of a color alone, each with its time', () => {
    const { doc } = send(lamp(), 10, {
      state: { desired: { color: { r: 255, g: 255, b: 0 } }, reported: { color: { r: 255, g: 0, b: 255 } } },
    })
    const later = send(doc, 20, { state: { desired: { color: { b: 1 } } } })
    assert.deepEqual(toAwsDelta(later.doc, at(21)), {
      version: 2,
      timestamp: 21,
      state: { color: { g: 255, b: 1 } },
      metadata: { color: { g: { timestamp: 10 }, b: { timestamp: 20 } } },
    })
    const closer = send(later.doc, 30, { state: { reported: { color: { g: 255 } } } })
    assert.deepEqual(toAwsDelta(closer.doc, at(30))?.state, { color: { b: 1 } })
  })

  it('arrays are one value and have a time for each element', () => {
    const { doc } = send(lamp(), 10, { state: { desired: { colors: ['red', 'green', 'blue'], steps: [[1], { a: 2 }, []] } } })
    assert.deepEqual(toAwsGetAccepted(doc, at(10)).metadata.desired, {
      colors: [{ timestamp: 10 }, { timestamp: 10 }, { timestamp: 10 }],
      steps: [[{ timestamp: 10 }], { a: { timestamp: 10 } }, []],
    })
    const shorter = send(doc, 20, { state: { desired: { colors: ['red'] } } })
    assert.deepEqual(shorter.doc.desired.colors, ['red'])
    assert.deepEqual((toAwsGetAccepted(shorter.doc, at(20)).metadata.desired as any).colors, [{ timestamp: 20 }])
  })

  it('null removes a member and its metadata, and a section; accepted repeats it', () => {
    const { doc } = send(lamp(), 10, { state: { desired: { color: 'red', on: true }, reported: { color: 'red' } } })
    const less = send(doc, 20, { state: { desired: { color: null } } })
    assert.deepEqual(toAwsUpdateAccepted(less, at(20)), {
      state: { desired: { color: null } },
      metadata: { desired: { color: { timestamp: 20 } } },
      version: 2,
      timestamp: 20,
    })
    assert.deepEqual(toAwsGetAccepted(less.doc, at(20)).metadata, {
      desired: { on: { timestamp: 10 } },
      reported: { color: { timestamp: 10 } },
    })
    const none = send(less.doc, 30, { state: { desired: null } })
    assert.deepEqual(toAwsUpdateAccepted(none, at(30)).state, { desired: null })
    assert.deepEqual(toAwsGetAccepted(none.doc, at(30)).state, { reported: { color: 'red' } })
    const empty = send(none.doc, 40, { state: { reported: null } })
    assert.deepEqual(toAwsGetAccepted(empty.doc, at(40)), { state: {}, metadata: {}, version: 4, timestamp: 40 })
  })

  it('accepted has what the request touched and nothing else', () => {
    const { doc } = send(lamp(), 10, { state: { desired: { a: { b: 1, c: 2 } }, reported: { a: { b: 1 } } } })
    const update = send(doc, 20, { state: { reported: { a: { c: 3 } } } })
    assert.deepEqual(toAwsUpdateAccepted(update, at(20)).state, { reported: { a: { c: 3 } } })
    assert.deepEqual(toAwsUpdateAccepted(update, at(20)).metadata, { reported: { a: { c: { timestamp: 20 } } } })
  })
})

describe('a rejected shadow request', () => {
  const rejected = (error: unknown, more: object = {}) => toAwsRejected(error, { ...at(7), thing: 'lamp', ...more })
  const refusalOf = (request: unknown) => {
    try {
      send(lamp(), 1, request as object)
    } catch (error) {
      return rejected(error)
    }
    throw new Error('it was accepted')
  }

  it('has the code and the text of the service, a time and the token', () => {
    assert.deepEqual(rejected(new LoomError('TWIN_VERSION_CONFLICT', 'x'), { clientToken: 't' }), {
      code: 409,
      message: 'Version conflict',
      timestamp: 7,
      clientToken: 't',
    })
    for (const [code, status, message] of [
      ['CRED_MISSING', 401, 'Unauthorized'],
      ['POLICY_DENIED', 403, 'Forbidden'],
      ['TWIN_LIMIT', 413, 'The payload exceeds the maximum size allowed'],
      ['REQUEST_TYPE', 415, 'Unsupported documented encoding; supported encoding is UTF-8'],
      ['BROKER_THROTTLED', 429, 'Too many requests'],
      ['STORE_LIMIT', 500, 'Internal service failure'],
      ['HUB_DOWN', 500, 'Internal service failure'],
    ] as const)
      assert.deepEqual(rejected(new LoomError(code, 'detail')), { code: status, message, timestamp: 7 })
  })

  it('names the thing and shadow that are not there', () => {
    const missing = new LoomError('TWIN_NOT_FOUND')
    assert.equal(rejected(missing).message, "No shadow exists with name: 'lamp'")
    assert.equal(rejected(missing, { shadow: 'config' }).message, "No shadow exists with name: 'lamp~config'")
  })

  it('says what is wrong with a bad request', () => {
    for (const [request, message] of [
      [[], 'Invalid JSON'],
      [{}, 'Missing required node: state'],
      [{ state: { desired: 1 } }, 'Desired node must be an object'],
      [{ state: { delta: {} } }, "State contains an invalid node: 'delta'"],
      [{ state: { desired: { a: { $b: 1 } } } }, "State contains an invalid node: 'desired.a'"],
      [{ state: { desired: { a: [null] } } }, "State contains an invalid node: 'desired.a[0]'"],
    ] as const)
      assert.deepEqual(refusalOf(request), { code: 400, message, timestamp: 7 })
    assert.equal(rejected(new LoomError('REQUEST_INVALID', 'why')).code, 400)
  })

  it('says nothing of a failure inside', () =>
    assert.deepEqual(rejected(new TypeError('x of undefined')), { code: 500, message: 'Internal service failure', timestamp: 7 }))
})
