const date = /^(\d{4})-(\d\d)-(\d\d)$/
const time = /^(\d\d):(\d\d):(\d\d)(?:\.\d{1,12})?(?:[Zz]|[+-](\d\d):(\d\d))?$/
const duration =
  /^P(?:\d{1,9}W|(?=.)(?:\d{1,9}Y)?(?:\d{1,9}M)?(?:\d{1,9}D)?(?:T(?=.)(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}(?:\.\d{1,9})?S)?)?)$/

const isDate = (text: string): boolean => {
  const [, year, month, day] = (date.exec(text) ?? []).map(Number)
  if (year === undefined || month! < 1 || month! > 12) return false
  return day! >= 1 && day! <= new Date(Date.UTC(year, month!, 0)).getUTCDate()
}

/** RFC 3339; an offset may be missing, as devices without a zone write it, unless `zoned`. */
const isTime = (text: string, zoned = false): boolean => {
  const found = time.exec(text)
  if (!found || (zoned && !/[Zz]|[+-]\d\d:\d\d$/.test(text))) return false
  const [, hours, minutes, seconds, offsetHours = '0', offsetMinutes = '0'] = found
  return (
    Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) < 61 && Number(offsetHours) < 24 && Number(offsetMinutes) < 60
  )
}

/** The formats that are checked; all are linear in the text, which is short. */
export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  date: isDate,
  time: text => isTime(text),
  'date-time': text => {
    const [day = '', clock] = [text.slice(0, 10), text.slice(11)]
    return /^[Tt ]$/.test(text[10] ?? '') && isDate(day) && isTime(clock, true)
  },
  duration: text => text.length <= 64 && duration.test(text),
  uuid: text => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text),
  ipv4: text => /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.test(text) && text.split('.').every(part => Number(part) < 256),
  uri: text => /^[a-z][a-z0-9+.-]{0,31}:\S{1,2000}$/i.test(text),
  email: text => text.length <= 254 && /^[^\s@]{1,64}@[^\s@]{1,189}$/.test(text),
}
