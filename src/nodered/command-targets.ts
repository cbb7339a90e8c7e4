import { LoomError } from '../errors.ts'
import type { CommandTargets } from '../hub/hub.ts'
import { isSection } from '../twin/json.ts'
import type { Msg } from './define.ts'
import { targetsOf } from './device-targets.ts'
import { questionOf } from './fleet-request.ts'

const kinds = ['device', 'group', 'query'] as const
type Kind = (typeof kinds)[number]

/** What a node that commands has of its settings; a flow that is older has less. */
export interface TargetSettings {
  target?: Kind
  device?: string
  deviceType?: string
  group?: string
  groupType?: string
  dialect?: 'aws' | 'azure'
  query?: string
  queryType?: string
}

/** Devices by name, which the node commands itself, or those of a group or query, which the hub does. */
export type CommandTarget =
  | { ids: string[]; many: boolean; targets?: undefined }
  | { targets: Pick<CommandTargets, 'group'> | Pick<CommandTargets, 'query'> }

/** Whom a message is for: `msg.target` wins over the setting. READING_DEVICE, NODE_CONFIG; the hub judges the rest. */
export async function commandTargetOf(
  settings: TargetSettings,
  msg: Msg,
  evaluate: (value: string, type: string) => Promise<unknown>,
): Promise<CommandTarget> {
  const wanted = msg.target ?? settings.target ?? 'device'
  const kind = kinds.find(one => one === wanted)
  if (!kind) throw new LoomError('NODE_CONFIG', `target ${String(wanted).slice(0, 40)}`, { hint: `one of ${kinds.join(', ')}` })
  const { [kind]: field = kind, [`${kind}Type` as const]: type = 'msg' } = settings
  const value = await evaluate(field, type)
  if (kind === 'device') return targetsOf(value)
  if (kind === 'query') return { targets: { query: queryOf(settings.dialect ?? 'aws', value) } }
  if (typeof value === 'string' && value.trim()) return { targets: { group: value.trim() } }
  throw new LoomError('NODE_CONFIG', 'no group is named', { hint: 'set msg.group, or choose one in the node' })
}

/** A text, a condition as an object, or `{dialect, text}`. */
function queryOf(dialect: 'aws' | 'azure', value: unknown): NonNullable<CommandTargets['query']> {
  if (!isSection(value)) return questionOf(dialect, value)
  return questionOf(dialect, value.ast ?? value.text ?? value, value.dialect)
}
