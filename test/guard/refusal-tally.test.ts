import assert from 'node:assert/strict'
import { RefusalTally } from '../../src/guard/refusal-tally.ts'

const fact = (time: number, target = 'pump', code = 'CRED_INVALID') => ({
  time,
  actor: '192.0.2.1',
  action: 'connect',
  target,
  result: 'refused' as const,
  detail: { code },
})

describe('the tally of refusals', () => {
  it('tells the first at once and the rest of the minute as a number', () => {
    const tally = new RefusalTally()
    assert.deepEqual(tally.note('a', fact(1)), fact(1))
    for (let i = 2; i < 100; i++) assert.equal(tally.note('a', fact(i)), undefined)
    assert.deepEqual(tally.note('b', fact(5, 'fan')), fact(5, 'fan'))
    assert.deepEqual(tally.sweep(60_000), [])
    assert.deepEqual(tally.sweep(60_001), [{ ...fact(99), detail: { code: 'CRED_INVALID', more: 98 } }])
    assert.deepEqual(tally.note('a', fact(70_000)), fact(70_000))
    assert.deepEqual(tally.end(), [])
  })

  it('remembers so many kinds and counts the others together', () => {
    const tally = new RefusalTally()
    let told = 0
    for (let i = 0; i < 7_000; i++) if (tally.note(`k${i}`, fact(0, `d${i}`))) told++
    assert.equal(told, 5_000)
    assert.deepEqual(
      tally.sweep(60_000).map(({ target, detail }) => [target, detail]),
      [['many', { code: 'CRED_INVALID', more: 2_000 }]],
    )
    assert.ok(tally.note('k1', fact(60_001)))
  })

  it('remembers twenty kinds of one source and counts its others together', () => {
    const tally = new RefusalTally()
    const told = (source: string, from: number, to: number, at = 0) => {
      let n = 0
      for (let i = from; i < to; i++) if (tally.note(`${source}|${i}`, fact(at, `d${i}`))) n++
      return n
    }
    assert.equal(told('a', 0, 400), 20)
    assert.equal(told('b', 0, 5), 5)
    assert.equal(told('a', 0, 20), 0)
    const over = tally.sweep(60_000)
    assert.deepEqual(over.length, 21)
    assert.deepEqual(over.at(-1), { ...fact(0, 'many'), actor: 'a', detail: { code: 'CRED_INVALID', more: 380 } })
    assert.equal(told('a', 0, 400, 60_001), 20)
    assert.deepEqual(
      tally.end().map(({ detail }) => detail?.more),
      [380],
    )
  })
})
