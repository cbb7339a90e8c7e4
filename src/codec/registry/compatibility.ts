import type { ReadSchema } from './schema-format.ts'

export const compatibilityModes = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
  'NONE',
] as const
export type CompatibilityMode = (typeof compatibilityModes)[number]

export interface Incompatibility {
  /** of the earlier one that it is held against */
  version: number
  /** in the schema that reads */
  path: string
  reason: string
}

const mostFaults = 20

/**
 * What keeps a schema from being the next version. BACKWARD: it reads data of the last; FORWARD: the last reads data of it; FULL: both; TRANSITIVE: of all earlier ones, which are
 * asked for from the last on, as far as they are needed.
 */
export async function incompatibilities(o: {
  mode: CompatibilityMode
  next: ReadSchema
  /** the newest first */
  earlier: readonly number[]
  read(version: number): Promise<ReadSchema | undefined>
}): Promise<Incompatibility[]> {
  const { mode, next, earlier, read } = o
  if (mode === 'NONE') return []
  const against = mode.endsWith('_TRANSITIVE') ? earlier : earlier.slice(0, 1)
  const found: Incompatibility[] = []
  for (const version of against) {
    const before = await read(version)
    if (!before) {
      found.push({ version, path: '/', reason: 'is of another format' })
      continue
    }
    const faults = [
      ...(mode.startsWith('FORWARD') ? [] : next.unreadable(before)),
      ...(mode.startsWith('BACKWARD') ? [] : before.unreadable(next)),
      ...(next.breaks?.(before) ?? []),
    ]
    for (const { path, reason } of faults) found.push({ version, path, reason })
    if (found.length >= mostFaults) return found.slice(0, mostFaults)
  }
  return found
}

export const shownIncompatibility = ({ version, path, reason }: Incompatibility): string =>
  `${path} ${reason} (against version ${version})`
