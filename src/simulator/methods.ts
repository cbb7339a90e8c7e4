import type { Machine } from './machine.ts'

/** What a device answers, and what it does then. */
export interface Call {
  status: number
  payload: unknown
  /** it takes so long */
  afterMs?: number
  /** then it is away for so long */
  awayMs?: number
  /** it answers nothing else for so long */
  muteMs?: number
}

type Method = (argument: Record<string, unknown>, machine: Machine) => Call

const refused = (error: string): Call => ({ status: 400, payload: { error } })
const between = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && value >= low && value <= high

/** What every simulated device can do. */
const methods: Readonly<Record<string, Method>> = {
  blink({ times = 3 }) {
    if (!between(times, 1, 20) || !Number.isInteger(times)) return refused('times is a whole number from 1 to 20')
    return { status: 200, payload: { blinked: times }, afterMs: times * 200 }
  },
  reboot({ awayMs = 5000 }) {
    if (!between(awayMs, 0, 300_000)) return refused('awayMs is a number from 0 to 300000')
    return { status: 202, payload: { awayMs }, afterMs: 200, awayMs }
  },
  mute({ forMs = 5000 }) {
    if (!between(forMs, 0, 300_000)) return refused('forMs is a number from 0 to 300000')
    return { status: 200, payload: { forMs }, muteMs: forMs }
  },
  setSetpoint({ setpoint }, machine) {
    if (typeof setpoint !== 'number') return refused('setpoint is a number')
    if (!machine.set('setpoint', setpoint)) return refused('this model has no set point')
    return { status: 200, payload: { setpoint }, afterMs: 200 }
  },
}

export function callMethod(name: string, payload: unknown, machine: Machine): Call {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (!method) return { status: 404, payload: { error: `no method ${name.slice(0, 100)}`, methods: Object.keys(methods) } }
  return method(typeof payload === 'object' && payload !== null ? { ...payload } : {}, machine)
}
