const dayMs = 86_400_000

/** A moment on the clocks of a zone, by the proleptic Gregorian calendar. */
export interface DateFields {
  year: number
  /** 1..12 */
  month: number
  day: number
  hour: number
  minute: number
  second: number
  milli: number
  /** 1 is Monday */
  weekday: number
  dayOfYear: number
  /** ISO 8601 week and the year it belongs to */
  week: number
  weekYear: number
}

/** `local` is epoch ms plus the zone's offset. */
export function fieldsOf(local: number): DateFields {
  const date = new Date(local)
  const day = Math.floor(local / dayMs)
  const weekday = ((((day + 3) % 7) + 7) % 7) + 1
  const thursday = day - weekday + 4
  const weekYear = new Date(thursday * dayMs).getUTCFullYear()
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    milli: date.getUTCMilliseconds(),
    weekday,
    dayOfYear: day - dayOf(date.getUTCFullYear(), 1, 1) + 1,
    week: Math.floor((thursday - dayOf(weekYear, 1, 1)) / 7) + 1,
    weekYear,
  }
}

/** Days since 1970-01-01; the years 0 to 99 are meant as they are. */
export function dayOf(year: number, month: number, day: number): number {
  const date = new Date(0)
  return date.setUTCFullYear(year, month - 1, day) / dayMs
}

export const daysIn = (year: number, month: number): number => dayOf(year, month + 1, 1) - dayOf(year, month, 1)
