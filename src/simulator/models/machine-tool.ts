import { clamp, inParts, lag, resolution, wander } from './integrate.ts'
import type { Model } from './model.ts'

/**
 * Milling machine that repeats a cycle of loading (spindle still) and cutting:
 *   spindle   first-order lag to spindleRpm while cutting, to 0 while loading
 *   torque    T = torqueNm (1 + chatter) (1 + 0.8 wear) while cutting and up to speed
 *   power     P = 0.4 kW + T 2 pi rpm / 60 + 0.6 kW (rpm / 12000)²
 *   spindle   first-order lag of 600 s to ambient + 1.6 K per kW
 *   tool      dw/dt = wearPerHour (T / torqueNm) while cutting; at 1 it is changed and the wear is 0 again
 *   vibration v = 0.3 + 1.2 (rpm / 12000)² + cutting (0.8 + 3.5 w²); surface roughness Ra = 0.8 + 1.6 w²
 */
export const machineTool: Model = {
  points: {
    rpm: '1/min',
    torque: 'Nm',
    power: 'kW',
    spindleTemp: '°C',
    vibration: 'mm/s',
    roughness: 'µm',
    toolWear: '%',
    parts: '',
    state: '',
  },
  parameters: { spindleRpm: 9000, torqueNm: 18, cutS: 95, loadS: 25, wearPerHour: 0.25, ambientC: 23 },
  start(random, parameters) {
    let cutting = random.next() < 0.75
    let leftS = random.next() * (cutting ? parameters.cutS! : parameters.loadS!)
    let rpm = cutting ? parameters.spindleRpm! : 0
    let chatter = 0
    let spindleC = parameters.ambientC! + 12
    let wear = random.next() * 0.6
    let parts = 0
    return dtS => {
      let [torque, power] = [0, 0]
      inParts(dtS, 5, part => {
        leftS -= part
        if (leftS <= 0) {
          if (cutting) parts++
          cutting = !cutting
          leftS = (cutting ? parameters.cutS! : parameters.loadS!) * (1 + 0.05 * random.normal())
        }
        chatter = wander(chatter, 0.1, 15, part, random)
        rpm = lag(rpm, cutting ? parameters.spindleRpm! : 0, 2.5, part)
        const engaged = cutting && rpm > 0.9 * parameters.spindleRpm!
        torque = engaged ? parameters.torqueNm! * (1 + chatter) * (1 + 0.8 * wear) : 0
        power = 0.4 + (torque * 2 * Math.PI * rpm) / 60_000 + 0.6 * (rpm / 12_000) ** 2
        spindleC = lag(spindleC, parameters.ambientC! + 1.6 * power, 600, part)
        wear += (part / 3600) * parameters.wearPerHour! * (torque / parameters.torqueNm!)
        if (wear >= 1) wear = 0
      })
      const load = torque > 0 ? 0.8 + 3.5 * wear * wear : 0
      return {
        rpm: resolution(rpm, 0),
        torque: resolution(torque, 2),
        power: resolution(power, 3),
        spindleTemp: resolution(spindleC, 2),
        vibration: resolution((0.3 + 1.2 * (rpm / 12_000) ** 2 + load) * (1 + 0.03 * random.normal()), 3),
        roughness: resolution(0.8 + 1.6 * wear * wear, 3),
        toolWear: resolution(100 * clamp(wear, 0, 1), 2),
        parts,
        state: cutting ? 'cutting' : 'loading',
      }
    }
  },
}
