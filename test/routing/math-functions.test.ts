import assert from 'node:assert/strict'
import { seeded } from '../seeded.ts'
import { call, describeExamples } from './call-function.ts'

const _ = undefined

describeExamples('functions of numbers', [
  ['abs', [-5], 5],
  ['abs', ['-5.5'], 5.5],
  ['abs', [-0], 0],
  ['ceil', [1.2], 2],
  ['ceil', [-1.2], -1],
  ['ceil', [-0.5], 0],
  ['floor', [1.2], 1],
  ['floor', [-1.2], -2],
  ['floor', ['-1.2'], -2],
  ['sign', [-7], -1],
  ['sign', [0], 0],
  ['sign', [13], 1],
  ['sign', ['-7'], -1],
  ['sqrt', [9], 3],
  ['sqrt', [-9], _],
  ['exp', [1], Math.E],
  ['exp', [0], 1],
  ['exp', [710], _],
  ['exp', [-1000], 0],
  ['ln', [Math.E], 1],
  ['ln', [0], _],
  ['ln', [-1], _],
  ['log', [100], 2],
  ['log', ['1000'], 3],
  ['log', [0], _],
  ['round', [1.4], 1],
  ['round', [1.5], 2],
  ['round', [-1.5], -2],
  ['round', [-1.4], -1],
  ['round', [0.5], 1],
  ['round', [-0.5], -1],
  ['round', [-0.4], 0],
  ['round', [0.49999999999999994], 0],
  ['round', [2.5], 3],
  ['round', [1e300], 1e300],
  ['trunc', [2.3, 0], 2],
  ['trunc', [2.3123, 2], 2.31],
  ['trunc', [2.888, 2], 2.88],
  ['trunc', [2.0, 5], 2],
  ['trunc', ['2.3123', '2.9'], 2.31],
  ['trunc', [-2.888, 2], -2.88],
  ['trunc', [-0.001, 2], 0],
  ['trunc', [1.005, 3], 1.005],
  ['trunc', [8.7, 1], 8.7],
  ['trunc', [1e-7, 6], 0],
  ['trunc', [1e-7, 7], 1e-7],
  ['trunc', [1e21, 2], 1e21],
  ['trunc', [2.3, -1], 2],
  ['trunc', [12.3, -5], 12],
  ['trunc', [2.3, 99], 2.3],
  ['sin', [0], 0],
  ['cos', [0], 1],
  ['tan', [0], 0],
  ['asin', [1], Math.PI / 2],
  ['asin', [1.1], _],
  ['acos', [1], 0],
  ['acos', [-2], _],
  ['atan', [1], Math.PI / 4],
  ['sinh', [0], 0],
  ['sinh', [1000], _],
  ['cosh', [0], 1],
  ['tanh', [1000], 1],
  ['atan2', [1, 1], Math.PI / 4],
  ['atan2', [0, -1], Math.PI],
  ['power', [2, 5], 32],
  ['power', ['2', '0.5'], Math.SQRT2],
  ['power', [-8, 0.5], _],
  ['power', [0, -1], _],
  ['power', [10, 400], _],
  ['mod', [8, 3], 2],
  ['mod', [-8, 3], -2],
  ['mod', [8, -3], 2],
  ['mod', [8, 0], _],
  ['mod', [-6, 3], 0],
  ['remainder', [8, 3], 2],
  ['remainder', [5.5, 2], 1.5],
  ['remainder', [1, 0], _],
  ['bitand', [13, 5], 5],
  ['bitand', ['13.9', 5], 5],
  ['bitand', [-1, 2 ** 40], 2 ** 40],
  ['bitor', [8, 5], 13],
  ['bitor', [-8, 5], -3],
  ['bitxor', [13, 5], 8],
  ['bitxor', [2 ** 53, 2 ** 53], 0],
  ['bitxor', [2 ** 53, 0], _],
  ['bitor', [1e300, 1], _],
  ['bitnot', [13], -14],
  ['bitnot', [-1], 0],
  ['bitnot', [-14.5], 14],
  ['bitnot', [2 ** 53], _],
  ['rand', [], 0.25],
])

describe('functions of numbers', () => {
  it('give no minus zero', () => {
    for (const [name, ...args] of [
      ['round', -0.2],
      ['ceil', -0.2],
      ['abs', -0],
      ['floor', -0],
      ['sign', -0],
      ['sqrt', -0],
      ['sin', -0],
      ['trunc', -0.2, 0],
      ['trunc', -0, 0],
      ['mod', -4, 2],
      ['atan2', -0, 1],
      ['bitand', -0, -0],
      ['bitnot', -1],
    ] as [string, ...number[]][])
      assert.ok(Object.is(call(name, args), 0), name)
  })

  it('trunc cuts decimal digits as a text would, for 5,000 numbers', () => {
    const { below, next } = seeded(21)
    for (let i = 0; i < 5000; i++) {
      const digits = String(below(1e9)) + String(below(1e6)).padStart(6, '0')
      const places = below(12)
      const split = digits.length - 1 - below(Math.min(10, digits.length - 1))
      const sign = next() < 0.5 ? '-' : ''
      const [whole, fraction] = [digits.slice(0, split), digits.slice(split)]
      // BigInt of all digits, without the cut ones.
      const kept = Math.min(places, fraction.length)
      const scaled = BigInt(whole + fraction) / 10n ** BigInt(fraction.length - kept)
      const model = Number(`${sign}${scaled}e-${kept}`) + 0
      assert.equal(call('trunc', [Number(`${sign}${whole}.${fraction}`), places]), model, `${sign}${whole}.${fraction} ${places}`)
    }
  })

  it('bits are those of BigInt, for 2,000 pairs', () => {
    const { next } = seeded(22)
    const whole = (): number => Math.floor((next() - 0.5) * 2 ** 52)
    for (let i = 0; i < 2000; i++) {
      const [a, b] = [whole(), whole()]
      assert.equal(call('bitand', [a, b]), Number(BigInt(a) & BigInt(b)))
      assert.equal(call('bitor', [a, b]), Number(BigInt(a) | BigInt(b)))
      assert.equal(call('bitxor', [a, b]), Number(BigInt(a) ^ BigInt(b)))
      assert.equal(call('bitnot', [a]), Number(~BigInt(a)))
    }
  })
})
