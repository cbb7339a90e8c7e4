import { Lru } from '../../identity/lru.ts'
import { abbreviationOf, offsetOfName } from './abbreviations.ts'

/** A time zone: how far its clocks are before UTC at an instant, and what it is called then. */
export interface Zone {
  readonly id: string
  /** ms; `ms` must be within the range of dates. */
  offsetAt(ms: number): number
  /** `PST`, `CEST`, or as `+03:00` where there is no usual one. */
  shortName(ms: number): string
  longName(ms: number): string
}

const longestId = 64
const maxOffsetMs = 18 * 3_600_000
const zones = new Lru<string, Zone | 'unknown'>(64)
/** As abbreviations they would hide zones of that id, some with summer time. */
const regionsFirst = new Set(['CET', 'EET', 'EST', 'HST', 'MST', 'WET'])

/** An IANA id, `Z`, `+01:00`, `UTC+1` or a usual abbreviation; `undefined` for another text. Zones are remembered, the 64 used last. */
export function zoneOf(text: string): Zone | undefined {
  if (text.length > longestId) return undefined
  const known = zones.get(text)
  if (known) return known === 'unknown' ? undefined : known
  const zone = fixedZone(text) ?? regionZone(text)
  zones.set(text, zone ?? 'unknown')
  return zone
}

export const utc: Zone = fixed('UTC', 0)

function fixedZone(text: string): Zone | undefined {
  if (text === 'Z' || text === 'UTC') return utc
  const offset = /^(?:UTC|GMT|UT)?([+-].*)$/.exec(text)
  const ms = offset ? offsetOf(offset[1]!) : regionsFirst.has(text) ? undefined : offsetOfName(text)
  return ms === undefined ? undefined : fixed(text, ms)
}

/** `+1`, `+01`, `+0130`, `+01:30` or with seconds, in ms. */
export function offsetOf(text: string): number | undefined {
  const match = /^([+-])(\d{1,2})(?::?(\d\d)(?::?(\d\d))?)?$/.exec(text)
  if (!match) return undefined
  const [, sign, hours, minutes = '0', seconds = '0'] = match
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  if (Number(minutes) > 59 || Number(seconds) > 59 || ms > maxOffsetMs) return undefined
  return sign === '-' ? 0 - ms : ms
}

/** Seconds only if there are some. */
export function offsetText(ms: number, colon: boolean): string {
  const total = Math.abs(ms) / 1000
  const parts = [total / 3600, (total / 60) % 60, ...(total % 60 ? [total % 60] : [])]
  return (ms < 0 ? '-' : '+') + parts.map(part => String(Math.floor(part)).padStart(2, '0')).join(colon ? ':' : '')
}

function fixed(id: string, offset: number): Zone {
  const name = /^[A-Z]+$/.test(id) ? id : offset === 0 ? 'UTC' : offsetText(offset, true)
  return {
    id,
    offsetAt: () => offset,
    shortName: () => name,
    longName: () => (name === 'UTC' ? 'Coordinated Universal Time' : name),
  }
}

function regionZone(text: string): Zone | undefined {
  let offsets: Intl.DateTimeFormat
  try {
    offsets = formatter(text, 'longOffset')
  } catch {
    return undefined
  }
  const [shorts, longs] = [formatter(text, 'short'), formatter(text, 'long')]
  const offsetAt = (ms: number): number => offsetOf(nameIn(offsets, ms).slice('GMT'.length)) ?? 0
  const nameOr = (name: string, ms: number): string => (/^GMT[+-]/.test(name) ? offsetText(offsetAt(ms), true) : name)
  return {
    id: text,
    offsetAt,
    shortName: ms => abbreviationOf(nameIn(longs, ms)) ?? nameOr(nameIn(shorts, ms), ms),
    longName: ms => nameOr(nameIn(longs, ms), ms),
  }
}

const formatter = (timeZone: string, timeZoneName: 'longOffset' | 'short' | 'long'): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName })

const nameIn = (format: Intl.DateTimeFormat, ms: number): string =>
  format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? ''
