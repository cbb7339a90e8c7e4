import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { type ReadingMessage, readingsOf, withReadings } from '../../src/telemetry/message.ts'

const thrown = (msg: ReadingMessage): LoomError => {
  try {
    readingsOf(msg, 0)
  } catch (error) {
    assert.ok(error instanceof LoomError)
    return error
  }
  return assert.fail('nothing was thrown')
}
const item = {
  device: 'd1',
  time: 5,
  values: { t: 1 },
  arrived: 6,
  stream: 's',
  seq: 2,
  schema: 'x',
  jseq: 9,
  idx: 0,
  properties: { a: 'b' },
  topic: 'devices/d1/telemetry',
}

describe('readings of a message', () => {
  it('are one for a payload of values', () => {
    const { values, jseq, idx, ...rest } = item
    assert.deepEqual(readingsOf({ ...rest, payload: values }, 99), [{ ...rest, values }])
  })

  it('are many for a batch', () =>
    assert.deepEqual(readingsOf({ payload: [item, { ...item, idx: 1 }] }, 99), [item, { ...item, idx: 1 }]))

  it('take now where no time is given', () => {
    assert.equal(readingsOf({ device: 'd', payload: {} }, 99)[0]!.time, 99)
    assert.equal(readingsOf({ payload: [{ device: 'd', values: {} }] }, 99)[0]!.time, 99)
  })

  const faults: [what: string, msg: ReadingMessage, code: string, position: number | undefined][] = [
    ['a message without device', { payload: { t: 1 } }, 'READING_DEVICE', undefined],
    ['an empty device', { device: '', payload: { t: 1 } }, 'READING_DEVICE', undefined],
    ['a payload that is a number', { device: 'd', payload: 5 }, 'READING_VALUES', undefined],
    ['a payload that is a buffer', { device: 'd', payload: Buffer.of(1) }, 'READING_VALUES', undefined],
    ['no payload', { device: 'd' }, 'READING_VALUES', undefined],
    ['a time that is a text', { device: 'd', payload: {}, time: '2026-09-10T08:00:00Z' }, 'READING_TIME', undefined],
    ['a time that is no number', { device: 'd', payload: {}, time: Number.NaN }, 'READING_TIME', undefined],
    ['an item without device', { payload: [item, { values: {} }] }, 'READING_DEVICE', 1],
    ['an item that is null', { payload: [null] }, 'READING_VALUES', 0],
    ['an item whose values are missing', { payload: [{ device: 'd' }] }, 'READING_VALUES', 0],
    ['an item with an odd time', { payload: [{ ...item, time: 'x' }] }, 'READING_TIME', 0],
  ]
  for (const [what, msg, code, position] of faults)
    it(`are refused for ${what}`, () => {
      const error = thrown(msg)
      assert.deepEqual([error.code, error.position], [code, position])
    })

  it('leave the message as it was', () => {
    const msg = Object.freeze({ device: 'd', payload: Object.freeze({ t: 1 }) })
    const batch = Object.freeze({ payload: Object.freeze([Object.freeze({ ...item })]) as unknown as object[] })
    withReadings(msg, readingsOf(msg, 1))
    withReadings(batch, readingsOf(batch, 1))
    assert.deepEqual(msg, { device: 'd', payload: { t: 1 } })
  })
})

describe('a message with readings', () => {
  it('keeps its shape and what else it carries', () => {
    const delivery = { hub: 'demo' }
    const single = withReadings({ _msgid: '1', delivery, topic: 'mine', device: 'd', payload: { t: 1 } }, [item])
    assert.deepEqual(single, {
      _msgid: '1',
      delivery,
      topic: 'mine',
      device: 'd1',
      time: 5,
      arrived: 6,
      stream: 's',
      seq: 2,
      schema: 'x',
      properties: { a: 'b' },
      payload: { t: 1 },
    })
    assert.deepEqual(withReadings({ delivery, payload: [] }, [item]), { delivery, payload: [item] })
  })

  it('is nothing without readings', () => {
    assert.equal(withReadings({ payload: { t: 1 } }, []), undefined)
    assert.equal(withReadings({ payload: [item] }, []), undefined)
  })

  it('of several from a single one is a batch', () =>
    assert.deepEqual(withReadings({ device: 'd', payload: {} }, [item, item])?.payload, [item, item]))
})
