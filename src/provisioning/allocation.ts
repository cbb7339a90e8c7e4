import { createHash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { type Enrolment, type HubShare, thisHubName } from './enrolment.ts'
import { isObject } from './enrolment-values.ts'

/**
 * The hub of an enrolment that a device belongs to: `self` or `host[:port]`. Of `lowest-latency` the payload tells what the device measured,
 * `{probes: [{hub: 'host:port', ms: 12}]}`; hubs it did not reach do not count. PROV_DENIED if `custom` and nobody named one.
 */
export function allocatedHub(o: {
  allocation: Enrolment['allocation']
  registrationKey: string
  payload: unknown
  /** the name under which devices reach this hub */
  thisHub: string
}): string {
  const { allocation, registrationKey, payload, thisHub } = o
  const { policy, hubs } = allocation
  if (policy === 'custom') throw new LoomError('PROV_DENIED', 'the verdict names no hub')
  const [first] = hubs
  if (!first) return thisHubName
  if (policy === 'static') return first.host
  const fastest = policy === 'lowest-latency' ? fastestHub(hubs, payload, thisHub) : undefined
  return fastest ?? rendezvous(hubs, registrationKey)
}

/**
 * Weighted rendezvous hashing (Schindelhauer and Schomaker, 2005): each hub draws a score for the key and the best wins, so a hub that leaves gives away only its
 * own devices, and a new one takes its share evenly from all.
 */
export function rendezvous(hubs: readonly HubShare[], key: string): string {
  let best = { host: '', score: Number.NEGATIVE_INFINITY }
  for (const { host, weight } of hubs) {
    const drawn = (createHash('sha256').update(`${host}\n${key}`).digest().readUIntBE(0, 6) + 0.5) / 2 ** 48
    const score = -weight / Math.log(drawn)
    if (score > best.score || (score === best.score && host < best.host)) best = { host, score }
  }
  return best.host
}

const mostProbes = 100

function fastestHub(hubs: readonly HubShare[], payload: unknown, thisHub: string): string | undefined {
  const probes = isObject(payload) && Array.isArray(payload.probes) ? payload.probes.slice(0, mostProbes) : []
  let best: { host: string; ms: number } | undefined
  for (const probe of probes) {
    if (!isObject(probe) || typeof probe.hub !== 'string' || typeof probe.ms !== 'number' || !(probe.ms >= 0)) continue
    const name = probe.hub.toLowerCase()
    const known = hubs.find(({ host }) => (host === thisHubName ? thisHub.toLowerCase() : host) === name)
    if (known && (!best || probe.ms < best.ms)) best = { host: known.host, ms: probe.ms }
  }
  return best?.host
}
