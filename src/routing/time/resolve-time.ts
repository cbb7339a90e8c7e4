import { dayOf, daysIn, fieldsOf } from './fields.ts'
import { utc, type Zone } from './zone.ts'

const dayMs = 86_400_000
const latestMs = 8.64e15

/** What a text said of a time. */
export interface TimeFields {
  era?: 'BC' | 'AD'
  yearOfEra?: number
  /** Proleptic: 0 is 1 BC. */
  year?: number
  month?: number
  day?: number
  /** 1 is Monday. */
  weekday?: number
  /** 0 is AM, 1 is PM. */
  half?: number
  /** 0..23; 24 is the end of the day. */
  hour?: number
  /** 1..24 */
  clockHour?: number
  /** 0..11 */
  hourOfHalf?: number
  /** 1..12 */
  clockHourOfHalf?: number
  minute?: number
  second?: number
  nano?: number
  /** ms */
  offset?: number
  zone?: Zone
}

/** Epoch ms as the JDK's smart resolver finds it: the 31st of a shorter month is its last day. */
export function instantOf(fields: TimeFields): number | undefined {
  const day = dateOf(fields)
  const time = timeOf(fields)
  if (day === undefined || time === undefined) return undefined
  const local = day * dayMs + time
  if (!(Math.abs(local) <= latestMs - 2 * dayMs)) return undefined
  return fields.offset === undefined ? instantIn(fields.zone ?? utc, local) : local - fields.offset
}

/**
 * Both in the hour that clocks repeat and in the one that they skip, what counts is the offset before the change: the earlier of two instants, or the
 * clock moved forward.
 */
export function instantIn(zone: Zone, local: number): number {
  const before = local - zone.offsetAt(local - dayMs)
  const after = local - zone.offsetAt(local + dayMs)
  if (before === after || before + zone.offsetAt(before) === local) return before
  return after + zone.offsetAt(after) === local ? after : before
}

const within = (value: number, least: number, most: number): boolean => value >= least && value <= most

function dateOf({ era, yearOfEra, year, month, day, weekday }: TimeFields): number | undefined {
  if (era !== undefined && yearOfEra !== undefined && yearOfEra < 1) return undefined
  const proleptic = yearOfEra === undefined ? year : era === 'BC' ? 1 - yearOfEra : yearOfEra
  if (proleptic === undefined || month === undefined || day === undefined) return undefined
  if (year !== undefined && year !== proleptic) return undefined
  if (Math.abs(proleptic) > 275_000 || !within(month, 1, 12) || !within(day, 1, 31)) return undefined
  const found = dayOf(proleptic, month, Math.min(day, daysIn(proleptic, month)))
  return weekday === undefined || fieldsOf(found * dayMs).weekday === weekday ? found : undefined
}

/** ms since midnight */
function timeOf(fields: TimeFields): number | undefined {
  const { minute = 0, second = 0, nano = 0 } = fields
  const hour = hourOf(fields)
  if (hour === undefined || !within(minute, 0, 59) || !within(second, 0, 59) || !within(nano, 0, 999_999_999)) return undefined
  if (hour === 24 && minute + second + nano > 0) return undefined
  return ((hour * 60 + minute) * 60 + second) * 1000 + Math.floor(nano / 1e6)
}

/** All that were given must agree; 0 if there are none. */
function hourOf({ half, hour, clockHour, hourOfHalf, clockHourOfHalf, minute, second, nano }: TimeFields): number | undefined {
  const found = new Set<number>()
  if (hour !== undefined) found.add(within(hour, 0, 24) ? hour : Number.NaN)
  if (clockHour !== undefined) found.add(within(clockHour, 1, 24) ? clockHour % 24 : Number.NaN)
  const ofHalf = [
    ...(hourOfHalf === undefined ? [] : [within(hourOfHalf, 0, 11) ? hourOfHalf : Number.NaN]),
    ...(clockHourOfHalf === undefined ? [] : [within(clockHourOfHalf, 1, 12) ? clockHourOfHalf % 12 : Number.NaN]),
  ]
  // Without a half of the day it is no hour.
  for (const each of ofHalf) found.add(half === undefined ? Number.NaN : each + 12 * half)
  if (found.size === 0)
    return minute === undefined && second === undefined && nano === undefined && half === undefined ? 0 : undefined
  const [one] = found
  if (found.size > 1 || Number.isNaN(one)) return undefined
  return half === undefined || Math.floor((one! % 24) / 12) === half ? one : undefined
}
