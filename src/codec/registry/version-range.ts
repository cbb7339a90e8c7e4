type Version = readonly [major: number, minor: number, patch: number, pre: string]
type Bound = readonly [op: '<' | '<=' | '>' | '>=' | '=', version: Version]

const parts =
  /^[v=\s]*(\d{1,9}|[xX*])?(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:-([0-9A-Za-z.-]{1,64}))?(?:\+[0-9A-Za-z.-]{1,64})?$/
const most = 50

/** What a range of versions as npm writes it takes: `^1.2`, `~1.2.3`, `>=1 <3`, `1.x`, `1 - 2`, several by `||`. Undefined if it is none. Semantic Versioning 2.0.0, 11. */
export function versionRange(text: string): ((version: string) => boolean) | undefined {
  const sets = text.split('||').map(boundsOf)
  if (sets.length > most || sets.includes(undefined)) return undefined
  return given => {
    const version = read(given.trim())
    return version !== undefined && sets.some(bounds => bounds!.every(bound => holds(version.value, bound)))
  }
}

/** A version with what it leaves out as 0, and how much it has. */
function read(text: string): { value: Version; given: number } | undefined {
  const match = text.length > 200 ? null : parts.exec(text)
  if (!match) return undefined
  const numbers = match.slice(1, 4)
  const free = numbers.findIndex(part => part === undefined || /[xX*]/.test(part))
  const given = free < 0 ? 3 : free
  const at = (i: number): number => (i < given ? Number(numbers[i]) : 0)
  return { value: [at(0), at(1), at(2), given === 3 ? (match[4] ?? '') : ''], given }
}

function boundsOf(text: string): Bound[] | undefined {
  const [, from, to] = /^\s*(\S+)\s+-\s+(\S+)\s*$/.exec(text) ?? []
  const words = from && to ? [`>=${from}`, `<=${to}`] : (text.replace(/([<>=~^])\s+/g, '$1').match(/\S+/g) ?? ['*'])
  const bounds: Bound[] = []
  for (const word of words.slice(0, most)) {
    const [, op = '', rest = ''] = /^(<=|>=|<|>|=|~|\^)?(.*)$/.exec(word)!
    const version = read(rest)
    if (!version) return undefined
    bounds.push(...bound(op, version))
  }
  return bounds
}

function bound(op: string, { value, given }: { value: Version; given: number }): Bound[] {
  const after = next(value, given)
  // A part that is left out stands for all that it could be.
  const whole: Bound[] =
    given === 3
      ? [['=', value]]
      : given === 0
        ? []
        : [
            ['>=', value],
            ['<', after],
          ]
  switch (op) {
    case '>':
      return given === 3 ? [['>', value]] : [['>=', after]]
    case '>=':
      return [['>=', value]]
    case '<':
      return [['<', value]]
    case '<=':
      return given === 3 ? [['<=', value]] : given === 0 ? [] : [['<', after]]
    case '~':
      return given < 2
        ? whole
        : [
            ['>=', value],
            ['<', next(value, 2)],
          ]
    case '^': {
      const fixed = value.slice(0, Math.max(1, given)).findIndex(part => part !== 0)
      return given === 0
        ? []
        : [
            ['>=', value],
            ['<', next(value, fixed < 0 ? given : fixed + 1)],
          ]
    }
    default:
      return whole
  }
}

/** The first version after all that begin with so many parts; before it, nothing of its own pre-releases. */
function next([major, minor, patch]: Version, kept: number): Version {
  if (kept <= 1) return [major + 1, 0, 0, '0']
  return kept === 2 ? [major, minor + 1, 0, '0'] : [major, minor, patch + 1, '0']
}

function holds(version: Version, [op, bound]: Bound): boolean {
  const order = compare(version, bound)
  switch (op) {
    case '=':
      return order === 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

function compare(a: Version, b: Version): number {
  for (const i of [0, 1, 2] as const) if (a[i] !== b[i]) return a[i] - b[i]
  if (a[3] === b[3]) return 0
  if (!a[3] || !b[3]) return a[3] ? -1 : 1
  const [left, right] = [a[3].split('.'), b[3].split('.')]
  for (const [i, part] of left.entries()) {
    const other = right[i]
    if (other === undefined) return 1
    if (part === other) continue
    const [x, y] = [/^\d+$/.test(part), /^\d+$/.test(other)]
    if (x && y) return Number(part) - Number(other)
    return x !== y ? (x ? -1 : 1) : part < other ? -1 : 1
  }
  return -1
}
