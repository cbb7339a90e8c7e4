/** Numbers from here up are milliseconds, below seconds: as ms it is March 1973, as seconds the year 5138. */
const MS_FROM = 1e11
const MAX_TIME = 8.64e15
const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d(?::?\d\d)?)$/

/** A device's time as epoch ms: ISO 8601 with a zone, or a number of ms (from 1e11 up) or seconds since 1970; else undefined. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return isoTime(value)
  if (typeof value !== 'number' || !(value >= 0)) return undefined
  const time = value >= MS_FROM ? Math.floor(value) : Math.round(value * 1000)
  return time <= MAX_TIME ? time : undefined
}

/** The same for a text that may also hold the number. */
export const timeOfText = (text: string): number | undefined => timeOf(/^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text)

function isoTime(text: string): number | undefined {
  const match = text.length <= 40 ? ISO.exec(text) : null
  if (!match) return undefined
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] = match
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const ms = Math.floor(Number(`0.${fraction || 0}`) * 1000)
  const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), ms)
  // Date.UTC lets the 30th of February and month 13 roll over
  const date = new Date(local)
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  return local - offsetMs(zone)
}

function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0
  const digits = zone.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0)
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}
