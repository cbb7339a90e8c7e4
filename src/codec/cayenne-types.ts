export interface CayenneType {
  code: number
  name: string
  /** of each of its numbers */
  bytes: number
  signed?: boolean
  /** What one bit is worth, of each number. */
  steps: readonly number[]
  /** Names of the numbers where there are more than one. */
  parts?: readonly string[]
  unit?: string
}

const axes = ['x', 'y', 'z'] as const

/** Cayenne Low Power Payload, version 1. */
export const cayenneTypes: readonly CayenneType[] = [
  { code: 0, name: 'digital_in', bytes: 1, steps: [1] },
  { code: 1, name: 'digital_out', bytes: 1, steps: [1] },
  { code: 2, name: 'analog_in', bytes: 2, signed: true, steps: [0.01] },
  { code: 3, name: 'analog_out', bytes: 2, signed: true, steps: [0.01] },
  { code: 101, name: 'illuminance', bytes: 2, steps: [1], unit: 'lx' },
  { code: 102, name: 'presence', bytes: 1, steps: [1] },
  { code: 103, name: 'temperature', bytes: 2, signed: true, steps: [0.1], unit: 'Cel' },
  { code: 104, name: 'humidity', bytes: 1, steps: [0.5], unit: '%RH' },
  { code: 113, name: 'accelerometer', bytes: 2, signed: true, steps: [0.001, 0.001, 0.001], parts: axes, unit: 'g' },
  { code: 115, name: 'barometer', bytes: 2, steps: [0.1], unit: 'hPa' },
  { code: 134, name: 'gyrometer', bytes: 2, signed: true, steps: [0.01, 0.01, 0.01], parts: axes, unit: 'deg/s' },
  {
    ...{ code: 136, name: 'gps', bytes: 3, signed: true, steps: [0.0001, 0.0001, 0.01] },
    parts: ['latitude', 'longitude', 'altitude'],
  },
]

/** What libraries for devices added later, each in its own way. */
export const moreCayenneTypes: readonly CayenneType[] = [
  { code: 100, name: 'generic', bytes: 4, steps: [1] },
  { code: 116, name: 'voltage', bytes: 2, steps: [0.01], unit: 'V' },
  { code: 117, name: 'current', bytes: 2, steps: [0.001], unit: 'A' },
  { code: 120, name: 'percentage', bytes: 1, steps: [1], unit: '%' },
  { code: 121, name: 'altitude', bytes: 2, signed: true, steps: [1], unit: 'm' },
  { code: 128, name: 'power', bytes: 2, steps: [1], unit: 'W' },
  { code: 131, name: 'energy', bytes: 4, steps: [0.001], unit: 'kWh' },
  { code: 133, name: 'unix_time', bytes: 4, steps: [1], unit: 's' },
  { code: 142, name: 'switch', bytes: 1, steps: [1] },
]
