import type { SimulatedDevice } from './device.ts'
import { modelNameOf } from './models/catalogue.ts'
import { limits, type SimulatorOptions } from './options.ts'

/** The name for the set point of whatever model has one. */
const setpoint = 'setpoint'
const setpointC = 'setpointC'

/** A simulated device as its twin knows it: its model, its interval, and the parameters of the model by their names. */
export interface Machine {
  state(): Record<string, unknown>
  /** False for what it does not know or cannot be. */
  set(name: string, value: unknown): boolean
}

/** `hasten`: its next reading shall not be further away than its new interval. */
export function machineOf(device: SimulatedDevice, options: SimulatorOptions, hasten: () => void): Machine {
  const nameOf = (parameter: string): string => (parameter === setpointC ? setpoint : parameter)
  return {
    state: () => ({
      model: modelNameOf(options.model, device.index),
      intervalMs: device.intervalMs ?? options.intervalMs,
      ...Object.fromEntries(Object.entries(device.parameters).map(([name, value]) => [nameOf(name), value])),
    }),
    set(name, value) {
      if (typeof value !== 'number' || !Number.isFinite(value)) return false
      if (name === 'intervalMs') {
        const [least, most] = limits.intervalMs
        if (!Number.isInteger(value) || value < least || value > most) return false
        device.intervalMs = value
        hasten()
        return true
      }
      const parameter = name === setpoint ? setpointC : name
      if (name === setpointC || !Object.hasOwn(device.parameters, parameter)) return false
      device.parameters[parameter] = value
      return true
    },
  }
}
