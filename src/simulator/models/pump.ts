import { clamp, inParts, lag, resolution, wander } from './integrate.ts'
import type { Model } from './model.ts'

const RATED_RPM = 2950
const GRAVITY = 9.81

/**
 * Centrifugal pump in a closed water system, n = speed / rated speed:
 *   pump curve      H = shutoffHeadM n² - a Q²        (affinity laws)
 *   system curve    H = staticHeadM + r Q²            => Q = sqrt((shutoffHeadM n² - staticHeadM) / (a + r)), 0 below the static head
 *   pressure        p = 1000 g H / 1e5 bar            power P = 1000 g Q H / efficiency + idle losses n³
 *   motor           C dT/dt = 0.12 P - (T - ambient) / R, R = 0.1 K/W, R C = 900 s
 *   bearing         dw/dt = wearPerHour n (1 + max(0, T - 60) / 40), 1 = end of life; vibration = (0.4 + 1.8 n²)(1 + 4 w)
 */
export const pump: Model = {
  points: { rpm: '1/min', flow: 'm³/h', pressure: 'bar', motorTemp: '°C', vibration: 'mm/s', power: 'kW' },
  parameters: { speed: 0.85, ambientC: 22, staticHeadM: 8, shutoffHeadM: 42, wear: 0.05, wearPerHour: 0.002 },
  start(random, parameters) {
    let n = clamp(parameters.speed!, 0, 1.1)
    let demand = 0
    let motorC = parameters.ambientC! + 25
    let worn = 0
    const curve = 42_000 * (1 + 0.05 * random.normal())
    const system = 320_000 * (1 + 0.08 * random.normal())
    return dtS => {
      let flow = 0
      let head = 0
      let powerW = 0
      inParts(dtS, 10, part => {
        demand = wander(demand, 0.06, 90, part, random)
        n = lag(n, parameters.speed! > 0 ? clamp(parameters.speed! + demand, 0, 1.1) : 0, 4, part)
        flow = Math.sqrt(Math.max(0, parameters.shutoffHeadM! * n * n - parameters.staticHeadM!) / (curve + system))
        head = flow > 0 ? parameters.staticHeadM! + system * flow * flow : parameters.shutoffHeadM! * n * n
        powerW = (1000 * GRAVITY * flow * head) / 0.68 + 350 * n ** 3
        motorC = lag(motorC, parameters.ambientC! + 0.12 * powerW * 0.1, 900, part)
        worn = Math.min(1, worn + (part / 3600) * parameters.wearPerHour! * n * (1 + Math.max(0, motorC - 60) / 40))
      })
      const wear = clamp(parameters.wear! + worn, 0, 1)
      const noise = 1 + 0.02 * random.normal()
      return {
        rpm: resolution(n * RATED_RPM, 0),
        flow: resolution(flow * 3600, 2),
        pressure: resolution((1000 * GRAVITY * head) / 1e5, 3),
        motorTemp: resolution(motorC, 2),
        vibration: resolution((0.4 + 1.8 * n * n) * (1 + 4 * wear) * noise, 3),
        power: resolution(powerW / 1000, 3),
      }
    }
  },
}
