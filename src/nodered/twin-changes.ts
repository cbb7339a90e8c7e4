import { type Delivered, flags, kinds } from '../journal/journal-port.ts'
import type { TwinEvent } from '../twin/change-event.ts'
import { isSection, own, sameJson, type TwinSection } from '../twin/json.ts'
import type { NewMsg } from './define.ts'

export const twinSections = ['desired', 'reported', 'tags'] as const

/** Which changes a flow wants to hear of; empty lists: all. */
export interface ChangeFilter {
  sections: readonly TwinEvent['section'][]
  /** members with dots between, below the section: one of them has another value now */
  paths: readonly string[]
  /** undefined: every twin; `main`: the main ones; else named ones, with a list those of it */
  twins: 'main' | 'named' | undefined
  names: readonly string[]
}

const utf8 = new TextDecoder()

/** The change that a record tells, if it is one and is wanted. */
export function changeOf({ kind, flags: marks, payload }: Delivered, filter: ChangeFilter): TwinEvent | undefined {
  if (kind !== kinds.twin || marks & flags.erased) return undefined
  let event: TwinEvent
  try {
    event = JSON.parse(utf8.decode(payload)) as TwinEvent
  } catch {
    return undefined
  }
  return isSection(event) && twinSections.includes(event.section) && wanted(event, filter) ? event : undefined
}

function wanted({ name, section, before, after }: TwinEvent, { sections, paths, twins, names }: ChangeFilter): boolean {
  if (sections.length && !sections.includes(section)) return false
  if (twins === 'main' && name !== '') return false
  if (twins === 'named' && (name === '' || (names.length > 0 && !names.includes(name)))) return false
  return !paths.length || paths.some(path => !sameJson(valueAt(before, path), valueAt(after, path)))
}

function valueAt(section: TwinSection, path: string): unknown {
  let value: unknown = section
  for (const key of path.split('.')) value = isSection(value) ? own(value, key) : undefined
  return value
}

export function changeMessage({ device, deliveries }: Delivered, event: TwinEvent): NewMsg {
  const { name, section, patch: payload, before, after, version, sectionVersion, deleted, by, at: time } = event
  const twin = { section, name, before, after, version, sectionVersion, by, ...(deleted && { deleted }) }
  return { payload, topic: section, device, time, twin, ...(deliveries > 1 && { redelivered: true }) }
}
