import assert from 'node:assert/strict'
import { type CayenneOptions, cayenneCodec } from '../../src/codec/cayenne.ts'
import { cayenneTypes, moreCayenneTypes } from '../../src/codec/cayenne-types.ts'
import type { LoomError } from '../../src/errors.ts'
import { seeded } from '../seeded.ts'
import { bytesOf, codedOnly, refusal } from './codec-errors.ts'

const read = (hex: string, options?: CayenneOptions): unknown => cayenneCodec(options).decode(bytesOf(hex), {})

const samples: readonly [what: string, hex: string, value: object, options?: CayenneOptions][] = [
  ['two temperatures', '03670110 056700ff', { temperature_3: 27.2, temperature_5: 25.5 }],
  [
    'a negative temperature and an acceleration',
    '0167ffd7 067104d2fb2e0000',
    { temperature_1: -4.1, accelerometer_6: { x: 1.234, y: -1.234, z: 0 } },
  ],
  ['a position', '018806765ff2960a0003e8', { gps_1: { latitude: 42.3519, longitude: -87.9094, altitude: 10 } }],
  ['digital values', '010001 020164', { digital_in_1: 1, digital_out_2: 100 }],
  ['analog values', '0102ff9c 02030064', { analog_in_1: -1, analog_out_2: 1 }],
  ['light, presence and humidity', '0165ffff 026601 0368a0', { illuminance_1: 65_535, presence_2: 1, humidity_3: 80 }],
  ['air pressure and rotation', '017327bb 0286ff9c00640000', { barometer_1: 1017.1, gyrometer_2: { x: -1, y: 1, z: 0 } }],
  ['names of the device', '0367 0110', { inlet: 27.2 }, { names: { temperature_3: 'inlet' } }],
  [
    'the types that came later',
    '0164ffffffff 02740102 03750102 047832 0579fffe 06800064 078300000fa0 088565536e80 098e01',
    {
      ...{ generic_1: 4_294_967_295, voltage_2: 2.58, current_3: 0.258, percentage_4: 50, altitude_5: -2, power_6: 100 },
      ...{ energy_7: 4, unix_time_8: 1_699_966_592, switch_9: 1 },
    },
    { extended: true },
  ],
]

describe('Cayenne LPP', function () {
  this.timeout(60_000)

  for (const [what, hex, value, options] of samples) {
    it(`reads ${what}`, () => assert.deepEqual(read(hex, options), value))
    it(`writes ${what}`, () => assert.deepEqual(Buffer.from(cayenneCodec(options).encode!(value, {})), bytesOf(hex)))
    it(`tells ${what} cut off inside of a value`, () => {
      const bytes = bytesOf(hex)
      for (let length = 0; length <= bytes.length; length++) {
        const part = codedOnly(() => cayenneCodec(options).decode(bytes.subarray(0, length), {}))
        if (part === undefined)
          assert.equal(
            refusal(() => cayenneCodec(options).decode(bytes.subarray(0, length), {})),
            `CODEC_TRUNCATED at ${length}`,
          )
        else assert.deepEqual(part, Object.fromEntries(Object.entries(value).slice(0, Object.keys(part ?? {}).length)))
      }
    })
  }

  it('ends at an unknown type with what it read by then', () =>
    assert.throws(
      () => read('03670110 04c801'),
      (error: LoomError) => {
        assert.deepEqual([error.code, error.position, error.cause], ['CODEC_FORMAT', 5, { values: { temperature_3: 27.2 } }])
        return true
      },
    ))

  it('knows the types that came later only if asked', () =>
    assert.equal(
      refusal(() => read('01740102')),
      'CODEC_FORMAT at 1',
    ))

  for (const [what, value, path] of [
    ['an unknown type', { wind_1: 1 }, 'wind_1'],
    ['a channel beyond 255', { temperature_256: 1 }, 'temperature_256'],
    ['no channel', { temperature: 1 }, 'temperature'],
    ['a number out of range', { temperature_1: 4000 }, 'temperature_1'],
    ['a text', { temperature_1: '1' }, 'temperature_1'],
    ['a missing axis', { accelerometer_1: { x: 1, y: 1 } }, 'accelerometer_1.z'],
    ['an axis that is null', { accelerometer_1: null }, 'accelerometer_1.x'],
    ['a list', [1], ''],
  ] as const)
    it(`does not write ${what}`, () =>
      assert.equal(
        refusal(() => cayenneCodec().encode!(value, {})),
        `CODEC_INVALID at ${path}`,
      ))

  it('says which numbers a type can hold', () =>
    assert.throws(() => cayenneCodec().encode!({ temperature_1: 4000 }, {}), /from -3276\.8 to 3276\.7$/))

  it('reads every number of every type as it wrote it', () => {
    const random = seeded(868)
    const codec = cayenneCodec({ extended: true })
    for (const { code, bytes, steps } of [...cayenneTypes, ...moreCayenneTypes])
      for (let i = 0; i < 100; i++) {
        const frame = Buffer.from([
          random.below(256),
          code,
          ...Array.from({ length: bytes * steps.length }, () => random.below(256)),
        ])
        assert.deepEqual(Buffer.from(codec.encode!(codec.decode(frame, {}), {})), frame)
      }
  })

  it('tells random bytes by its own errors only', () => {
    const random = seeded(915)
    for (let i = 0; i < 5000; i++)
      codedOnly(() =>
        cayenneCodec({ extended: true }).decode(
          Buffer.from(Array.from({ length: random.below(20) }, () => random.below(256))),
          {},
        ),
      )
  })
})
