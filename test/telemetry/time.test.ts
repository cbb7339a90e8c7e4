import assert from 'node:assert/strict'
import { timeOf, timeOfText } from '../../src/telemetry/time.ts'

const eight = Date.UTC(2026, 8, 10, 8)
const cases: [value: unknown, time: number | undefined][] = [
  ['2026-09-10T08:00:00Z', eight],
  ['2026-09-10T08:00Z', eight],
  ['2026-09-10t08:00:00z', eight],
  ['2026-09-10 10:00:00+02:00', eight],
  ['2026-09-10T10:00:00+02:00', eight],
  ['2026-09-10T10:00:00+0200', eight],
  ['2026-09-10T03:30:00-04:30', eight],
  ['2026-09-10T08:00:00.1239999Z', eight + 123],
  ['1969-12-31T23:59:59Z', -1000],
  ['2026-09-10T08:00:00', undefined],
  ['2026-02-30T08:00:00Z', undefined],
  ['2026-13-01T08:00:00Z', undefined],
  ['2026-09-10T24:00:00Z', undefined],
  ['2026-09-10', undefined],
  ['', undefined],
  [1789030800, 1789030800000],
  [1789030800.25, 1789030800250],
  [1e11, 1e11],
  [1e11 - 1, (1e11 - 1) * 1000],
  [1789030800123.9, 1789030800123],
  [0, 0],
  [-1, undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [1e300, undefined],
  [null, undefined],
  [true, undefined],
  [{}, undefined],
]

describe('the time of a device', () => {
  for (const [value, time] of cases) it(`${JSON.stringify(value) ?? value} is ${time}`, () => assert.equal(timeOf(value), time))

  it('may be a number in a text where all is text', () => {
    assert.equal(timeOfText('1789030800.5'), 1789030800500)
    assert.equal(timeOfText('2026-09-10T08:00:00Z'), eight)
    assert.equal(timeOfText('1e3'), undefined)
    assert.equal(timeOf('1789030800'), undefined)
  })
})
