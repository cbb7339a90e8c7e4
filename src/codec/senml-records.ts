import { unfit } from './fault.ts'

/** One resolved record (RFC 8428, 4.6). */
export interface SenmlRecord {
  name: string
  unit?: string
  value?: number | string | boolean
  /** bytes as base64, in the place of `value` */
  data?: string
  /** integral of the values over time */
  sum?: number
  /** epoch ms; absent if it is now, and when that was is not known */
  time?: number
  /** the next value comes after at most so long */
  updateMs?: number
}

const format = 'SenML'
const version = 10
/** RFC 8428, 4.5.3: seconds below count from now. */
const relativeBelow = 2 ** 28
/** RFC 8428, 4.5.1 */
const nameForm = /^[A-Za-z0-9][-A-Za-z0-9:./_]*$/
const latestMs = 8.64e15
const values = ['v', 'vs', 'vb', 'vd'] as const

type Raw = Readonly<Record<string, unknown>>

/** The records of a pack with its base fields resolved; those with nothing but base fields are left out. CODEC_INVALID with the path. */
export function resolvedRecords(pack: unknown, arrived?: number): SenmlRecord[] {
  if (!Array.isArray(pack) || pack.length === 0) throw unfit(format, '', 'not a list of records')
  const base: Record<string, unknown> = { bver: version }
  let versionSaid: unknown
  return pack.flatMap((raw: unknown, i) => {
    const path = `[${i}]`
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw unfit(format, path, 'not a record')
    assertKnown(raw as Raw, path)
    for (const label of ['bver', 'bn', 'bt', 'bu', 'bv', 'bs']) if (Object.hasOwn(raw, label)) base[label] = (raw as Raw)[label]
    if (Object.hasOwn(raw, 'bver')) {
      if (versionSaid !== undefined && versionSaid !== base.bver)
        throw unfit(format, `${path}.bver`, 'differs from the one before')
      versionSaid = base.bver
    }
    const ver = numberOf(base, 'bver', path)
    if (ver !== undefined && !(ver <= version)) throw unfit(format, `${path}.bver`, `version ${ver} is newer than ${version}`)
    return recordOf(raw as Raw, base, { path, arrived })
  })
}

/** RFC 8428, 4.4: who does not know a label that ends so must not go on. */
function assertKnown(raw: Raw, path: string): void {
  const strange = Object.keys(raw).find(label => label.endsWith('_'))
  if (strange !== undefined) throw unfit(format, `${path}.${strange}`, 'a field that must be understood')
}

function recordOf(raw: Raw, base: Raw, { path, arrived }: { path: string; arrived: number | undefined }): SenmlRecord[] {
  const said = values.filter(label => Object.hasOwn(raw, label))
  if (said.length > 1) throw unfit(format, path, 'more than one value')
  const [label] = said
  const baseValue = numberOf(base, 'bv', path)
  const sum = finite(summed(numberOf(base, 'bs', path), numberOf(raw, 's', path)), `${path}.s`)
  const number =
    label === undefined || label === 'v' ? finite(summed(baseValue, numberOf(raw, 'v', path)), `${path}.v`) : undefined
  if (label === undefined && number === undefined && sum === undefined) {
    if (Object.keys(raw).every(name => name.startsWith('b'))) return []
    throw unfit(format, path, 'no value')
  }
  const name = (textOf(base, 'bn', path) ?? '') + (textOf(raw, 'n', path) ?? '')
  assertName(name, `${path}.n`)
  const unit = textOf(raw, 'u', path) ?? textOf(base, 'bu', path)
  const time = timeOf((numberOf(base, 'bt', path) ?? 0) + (numberOf(raw, 't', path) ?? 0), path, arrived)
  const update = numberOf(raw, 'ut', path)
  const updateMs = update === undefined ? undefined : finite(update * 1000, `${path}.ut`)
  const value = number ?? (label === 'vs' ? textOf(raw, 'vs', path) : label === 'vb' ? booleanOf(raw, path) : undefined)
  return [
    {
      name,
      ...(unit !== undefined && { unit }),
      ...(value !== undefined && { value }),
      ...(label === 'vd' && { data: base64Of(textOf(raw, 'vd', path)!, path) }),
      ...(sum !== undefined && { sum }),
      ...(time !== undefined && { time }),
      ...(updateMs !== undefined && { updateMs }),
    },
  ]
}

export function assertName(name: string, path: string): void {
  if (!nameForm.test(name)) throw unfit(format, path, `${JSON.stringify(name.slice(0, 60))} is no name`)
}

const summed = (base: number | undefined, own: number | undefined): number | undefined =>
  base === undefined ? own : own === undefined ? base : base + own

/** Two numbers that a double can hold may make one that it cannot. */
function finite(number: number | undefined, path: string): number | undefined {
  if (number !== undefined && !Number.isFinite(number)) throw unfit(format, path, 'more than a number can say')
  return number
}

function timeOf(seconds: number, path: string, arrived: number | undefined): number | undefined {
  const ms = Math.round(seconds * 1000)
  if (seconds >= relativeBelow) {
    if (ms > latestMs) throw unfit(format, `${path}.t`, 'a time that no date can say')
    return ms
  }
  if (arrived !== undefined) {
    if (Math.abs(arrived + ms) > latestMs) throw unfit(format, `${path}.t`, 'a time that no date can say')
    return arrived + ms
  }
  if (seconds !== 0) throw unfit(format, `${path}.t`, 'it counts from now, and when that was is not known')
  return undefined
}

function numberOf(raw: Raw, label: string, path: string): number | undefined {
  const value = Object.hasOwn(raw, label) ? raw[label] : undefined
  if (value === undefined) return undefined
  // Whole numbers beyond 2^53 were decoded as text.
  const number = typeof value === 'string' && /^-?\d{16,}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw unfit(format, `${path}.${label}`, 'not a number')
  return number
}

function textOf(raw: Raw, label: string, path: string): string | undefined {
  const value = Object.hasOwn(raw, label) ? raw[label] : undefined
  if (value === undefined || typeof value === 'string') return value
  throw unfit(format, `${path}.${label}`, 'not a text')
}

function booleanOf(raw: Raw, path: string): boolean {
  if (typeof raw.vb === 'boolean') return raw.vb
  throw unfit(format, `${path}.vb`, 'neither true nor false')
}

/** JSON has it in the alphabet for addresses and without padding. */
function base64Of(text: string, path: string): string {
  if (!/^[\w+/-]*={0,2}$/.test(text)) throw unfit(format, `${path}.vd`, 'not base64')
  return Buffer.from(text, 'base64').toString('base64')
}
