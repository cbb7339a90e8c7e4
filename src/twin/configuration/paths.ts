import { isSection, own, type TwinSection } from '../json.ts'

/** A value of a configuration and where it belongs: arrays and what is no object are values. */
export interface Leaf {
  path: readonly string[]
  /** the path as a JSON pointer (RFC 6901) */
  pointer: string
  value: unknown
}

export const pointerOf = (path: readonly string[]): string =>
  path.map(name => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

export const pathOfPointer = (pointer: string): string[] =>
  pointer
    .slice(1)
    .split('/')
    .map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))

/** All values of a section. An empty object is one too. */
export function leavesOf(section: TwinSection, above: readonly string[] = []): Leaf[] {
  return Object.keys(section).flatMap(name => {
    const path = [...above, name]
    const value = section[name]
    if (isSection(value) && Object.keys(value).length > 0) return leavesOf(value, path)
    return [{ path, pointer: pointerOf(path), value }]
  })
}

export function valueAt(section: TwinSection, path: readonly string[]): unknown {
  let value: unknown = section
  for (const name of path) {
    if (!isSection(value)) return undefined
    value = own(value, name)
  }
  return value
}

/** The section with another value at the path; what is in the way gives way. The input stays as it is. */
export function withValue(section: TwinSection, [name, ...rest]: readonly string[], value: unknown): TwinSection {
  const inner = own(section, name!)
  return { ...section, [name!]: rest.length ? withValue(isSection(inner) ? inner : {}, rest, value) : value }
}

/** The section without what is at the path, and without the objects on the way to it that are empty then, save the first `kept` ones. */
export function withoutValue(section: TwinSection, path: readonly string[], kept: number): TwinSection {
  const [name, ...rest] = path
  if (name === undefined || !Object.hasOwn(section, name)) return section
  const { [name]: inner, ...others } = section
  if (!rest.length) return others
  if (!isSection(inner)) return section
  const left = withoutValue(inner, rest, Math.max(0, kept - 1))
  return kept < 1 && !Object.keys(left).length ? others : { ...section, [name]: left }
}
