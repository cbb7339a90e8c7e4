import type { Random } from '../random.ts'
import { clamp, inParts, lag, resolution, wander } from './integrate.ts'
import type { Model } from './model.ts'

/** A closed tour of towns, latitude and longitude in degrees. */
const tour = [
  [48.137, 11.575],
  [48.371, 10.898],
  [48.401, 9.988],
  [48.775, 9.182],
  [49.452, 11.077],
  [48.763, 11.425],
] as const
const METRES_PER_DEGREE = 111_195

/** Length of a leg in metres on the local plane: well below 1 % of error at these distances. */
function legOf(from: readonly [number, number], to: readonly [number, number]): number {
  const east = (to[1] - from[1]) * Math.cos(((from[0] + to[0]) / 2) * (Math.PI / 180))
  return Math.hypot(to[0] - from[0], east) * METRES_PER_DEGREE
}

function startOf(random: Random): { stop: number; metres: number } {
  const stop = Math.floor(random.next() * tour.length)
  return { stop, metres: random.next() * legOf(tour[stop]!, tour[(stop + 1) % tour.length]!) }
}

/**
 * Refrigerated truck on a tour with stops:
 *   compressor  on above setpointC + 1.5, off below setpointC - 1.5 (hysteresis)
 *   box         C dT/dt = (UA + door) (ambient - T) - coolingW on; the door adds 12 times the wall's conductance
 *   door        opens only while standing, about doorsPerHour times an hour of standing, for one to four minutes
 *   way         ds/dt = speed, along the tour; the truck stands at each town, and while its door is open
 *   supply      V = 27.6 - 0.9 on, engine off a further 1.2 down
 */
export const coldChain: Model = {
  points: { boxTemp: '°C', ambient: '°C', compressor: '', door: '', speed: 'km/h', lat: '°', lon: '°', supply: 'V' },
  parameters: { setpointC: -18, ambientC: 24, coolingW: 5200, cruiseKmh: 78, stopS: 900, doorsPerHour: 8 },
  start(random, parameters) {
    let { stop, metres } = startOf(random)
    let box = parameters.setpointC! + 2 * (random.next() - 0.5)
    let compressor = false
    let doorLeftS = 0
    let standLeftS = random.next() < 0.3 ? parameters.stopS! * random.next() : 0
    let gust = 0
    let speed = 0
    let ambient = parameters.ambientC!
    return dtS => {
      inParts(dtS, 20, part => {
        gust = wander(gust, 1.5, 1800, part, random)
        ambient = parameters.ambientC! + gust
        standLeftS = Math.max(0, standLeftS - part)
        doorLeftS = Math.max(0, doorLeftS - part)
        const wanders = random.next()
        if (standLeftS > 0 && doorLeftS === 0 && wanders < (part * parameters.doorsPerHour!) / 3600) {
          doorLeftS = 60 + 180 * random.next()
        }
        const standing = standLeftS > 0 || doorLeftS > 0
        speed = standing ? 0 : lag(speed, parameters.cruiseKmh! * (1 + 0.15 * Math.sin(gust)), 20, part)
        metres += (speed / 3.6) * part
        const leg = legOf(tour[stop]!, tour[(stop + 1) % tour.length]!)
        if (metres >= leg) {
          stop = (stop + 1) % tour.length
          metres = 0
          standLeftS = parameters.stopS!
          speed = 0
        }

        if (box > parameters.setpointC! + 1.5) compressor = true
        if (box < parameters.setpointC! - 1.5) compressor = false
        const conductance = doorLeftS > 0 ? 85 * 13 : 85
        box = lag(box, ambient - (compressor ? parameters.coolingW! / conductance : 0), 420_000 / conductance, part)
      })
      const [from, to] = [tour[stop]!, tour[(stop + 1) % tour.length]!]
      const done = clamp(metres / legOf(from, to), 0, 1)
      return {
        boxTemp: resolution(box, 2),
        ambient: resolution(ambient, 2),
        compressor,
        door: doorLeftS > 0,
        speed: resolution(speed, 1),
        lat: resolution(from[0] + (to[0] - from[0]) * done, 5),
        lon: resolution(from[1] + (to[1] - from[1]) * done, 5),
        supply: resolution(27.6 - (compressor ? 0.9 : 0) - (speed > 0 ? 0 : 1.2) + 0.03 * random.normal(), 2),
      }
    }
  },
}
