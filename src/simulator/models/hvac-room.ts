import { clamp, inParts, lag, resolution, wander } from './integrate.ts'
import type { Model } from './model.ts'

const DAY_S = 86_400

/** Saturation vapour pressure over water, Pa (Magnus form, Alduchov and Eskridge 1996). */
const saturation = (celsius: number): number => 610.94 * Math.exp((17.625 * celsius) / (celsius + 243.04))

/** Water in air by relative humidity, kg per kg of dry air at sea level. */
const mixing = (celsius: number, relative: number): number => {
  const vapour = relative * saturation(celsius)
  return (0.622 * vapour) / (101_325 - vapour)
}

/**
 * Room with a radiator, people and an air exchange:
 *   outdoor   To = meanOutdoorC + 5 sin(day, coldest at 4 h) + weather
 *   room      C dT/dt = U (To - T) + vent cp (To - T) + heaterW valve + 90 W people
 *   control   valve = PI(setpointC - T) in 0..1, held while saturated (no wind-up)
 *   CO2       V dc/dt = exchange V (420 - c) + 5.2e-6 m³/s people
 *   water     m dx/dt = exchange m (xo - x) + 60 g/h people; relative humidity from x and T
 */
export const hvacRoom: Model = {
  points: { outdoor: '°C', temperature: '°C', valve: '%', people: '', co2: 'ppm', humidity: '%' },
  parameters: { setpointC: 21, meanOutdoorC: 7, heaterW: 4200, volumeM3: 180, exchangePerHour: 0.9, capacity: 8 },
  start(random, parameters) {
    let clock = 8 * 3600 + random.next() * 6 * 3600
    let weather = 0
    let room = parameters.setpointC! - 1
    let integral = 0.4
    let valve = 0.4
    let people = Math.round(random.next() * parameters.capacity! * 0.5)
    let co2 = 600
    let outdoor = parameters.meanOutdoorC!
    let water = mixing(room, 0.4)
    return dtS => {
      inParts(dtS, 30, part => {
        clock += part
        weather = wander(weather, 2, 14_400, part, random)
        outdoor = parameters.meanOutdoorC! + 5 * Math.sin((2 * Math.PI * (clock - 10 * 3600)) / DAY_S) + weather
        const hour = (clock % DAY_S) / 3600
        const wanted = hour >= 8 && hour < 18 ? parameters.capacity! * 0.6 : 0
        if (random.next() < part / 240)
          people = clamp(people + Math.sign(wanted - people + 2 * random.normal()), 0, parameters.capacity!)

        const error = parameters.setpointC! - room
        const asked = 0.5 * error + integral
        valve = clamp(asked, 0, 1)
        if (asked === valve) integral = clamp(integral + (error * part) / 2400, 0, 1)

        const air = 1.2 * parameters.volumeM3!
        const exchange = parameters.exchangePerHour! / 3600
        const conductance = 95 + exchange * air * 1005
        const balance = outdoor + (parameters.heaterW! * valve + 90 * people) / conductance
        room = lag(room, balance, (air * 1005 * 12) / conductance, part)
        co2 = lag(co2, 420 + (5.2 * people) / (exchange * parameters.volumeM3!), 1 / exchange, part)
        const outside = mixing(outdoor, 0.75)
        water = lag(water, outside + (people * 0.06) / 3600 / (exchange * air), 1 / exchange, part)
      })
      return {
        outdoor: resolution(outdoor, 2),
        temperature: resolution(room, 2),
        valve: resolution(valve * 100, 1),
        people,
        co2: resolution(co2, 0),
        humidity: resolution(clamp(100 * (water / mixing(room, 1)), 0, 100), 1),
      }
    }
  },
}
