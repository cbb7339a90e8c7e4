import { clamp, inParts, resolution, wander } from './integrate.ts'
import type { Model } from './model.ts'

const DAY_S = 86_400

/**
 * Photovoltaic array, house, battery and grid behind one inverter; powers in kW, positive into the house side:
 *   irradiance  G = 1000 sin(sun height), 6 h to 20 h, times clouds
 *   array       pv = peakKw G / 1000 (1 - 0.004 (Tcell - 25)), Tcell = ambient + 0.03 G
 *   balance     pv + grid = load + battery            (battery > 0 charges; the grid takes what is left)
 *   battery     dE/dt = 0.95 battery when charging, battery / 0.95 when discharging; limits 5 % to 100 %
 *   voltage     V = 48 + 6 soc + 0.12 battery         (open circuit plus internal resistance)
 */
export const solarBattery: Model = {
  points: { irradiance: 'W/m²', pv: 'kW', load: 'kW', battery: 'kW', grid: 'kW', soc: '%', voltage: 'V' },
  parameters: { peakKw: 8, capacityKwh: 10, maxBatteryKw: 4, baseLoadKw: 0.5, ambientC: 18, hour: 9 },
  start(random, parameters) {
    let clock = parameters.hour! * 3600 + random.next() * 4 * 3600
    let cloud = 0
    let habit = 0
    let stored = parameters.capacityKwh! * (0.3 + 0.4 * random.next())
    return dtS => {
      let [irradiance, pv, load, battery] = [0, 0, 0, 0]
      inParts(dtS, 30, part => {
        clock += part
        cloud = wander(cloud, 0.6, 900, part, random)
        habit = wander(habit, 0.5, 1200, part, random)
        const hour = (clock % DAY_S) / 3600
        const height = Math.max(0, Math.sin((Math.PI * (hour - 6)) / 14))
        const clearness = 1 - 0.8 / (1 + Math.exp(-4 * (cloud - 0.4)))
        irradiance = hour > 6 && hour < 20 ? 1000 * height * clearness : 0
        const derating = 1 - 0.004 * (parameters.ambientC! + 0.03 * irradiance - 25)
        pv = ((parameters.peakKw! * irradiance) / 1000) * derating
        const evening = Math.exp(-(((hour - 19) / 2) ** 2))
        load = parameters.baseLoadKw! * (1 + 3 * evening) * Math.exp(habit)

        const hours = part / 3600
        const most = Math.min(parameters.maxBatteryKw!, (parameters.capacityKwh! - stored) / (0.95 * hours))
        const least = -Math.min(parameters.maxBatteryKw!, (Math.max(0, stored - 0.05 * parameters.capacityKwh!) * 0.95) / hours)
        battery = clamp(pv - load, least, most)
        stored += hours * (battery > 0 ? 0.95 * battery : battery / 0.95)
      })
      const soc = clamp(stored / parameters.capacityKwh!, 0, 1)
      return {
        irradiance: resolution(irradiance, 1),
        pv: resolution(pv, 3),
        load: resolution(load, 3),
        battery: resolution(battery, 3),
        grid: resolution(load + battery - pv, 3),
        soc: resolution(soc * 100, 2),
        voltage: resolution(48 + 6 * soc + 0.12 * battery, 3),
      }
    }
  },
}
