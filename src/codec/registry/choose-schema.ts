import { topicMatches } from '../../telemetry/topic.ts'
import type { CodecContext } from '../codec.ts'
import { type FrameFound, frameOf } from '../schema-frames.ts'
import { versionNumberOf } from './registered-schema.ts'
import { versionRange } from './version-range.ts'

/** A schema by its name in the registry. */
export interface NamedSchema {
  subject: string
  /** default: the latest */
  version?: number | 'latest'
  /** Protobuf: which message */
  message?: string
}

/** One rule: messages of a topic, devices whose firmware is in a range of versions, or of a model, were written with that schema. */
export interface SchemaRule extends NamedSchema {
  kind: 'topic' | 'firmware' | 'model'
  /** topic filter, range of versions, or id of the model with or without its version */
  match: string
}

export interface SchemaRules {
  rules: readonly SchemaRule[]
  fallback?: NamedSchema
}

export const schemaRuleKinds = ['topic', 'firmware', 'model'] as const

/** What is known of a device, if rules ask for it. */
export interface DeviceFacts {
  firmware?: string | undefined
  model?: string | undefined
}

export interface SchemaChoice {
  /** What the bytes say themselves; it counts if the registry knows it. */
  frame?: FrameFound
  /** What is said about them, and who says it. */
  named?: NamedSchema & { by: 'contentType' | 'property' | 'topic' | 'firmware' | 'model' | 'default' }
}

/** Whether a rule or a frame needs facts of the device, which have to be asked for. */
export const needsDevice = (bytes: Uint8Array, context: CodecContext, { rules }: SchemaRules): boolean =>
  frameOf(bytes)?.frame !== 'container' &&
  rules.some(({ kind }) => kind !== 'topic') &&
  !saidAbout(context) &&
  !byTopic(context, rules)

/**
 * Which schema wrote a payload, the first of: what the bytes say, the content type (`application/avro;schema=room;v=3`), the user properties `schema` and
 * `schemaVersion` or `dt-dataschema`, the topic, the firmware of the device, its model, the default.
 */
export function chooseSchema(bytes: Uint8Array, context: CodecContext, device: DeviceFacts, rules: SchemaRules): SchemaChoice {
  const frame = frameOf(bytes)
  const named = saidAbout(context) ?? byTopic(context, rules.rules) ?? byDevice(device, rules.rules)
  const standard = rules.fallback && { ...rules.fallback, by: 'default' as const }
  return { ...(frame && { frame }), ...((named ?? standard) && { named: (named ?? standard)! }) }
}

function saidAbout({ contentType = '', properties = {} }: CodecContext): SchemaChoice['named'] {
  const parameters = new Map(
    contentType
      .split(';')
      .slice(1)
      .map(part => {
        const [name = '', ...value] = part.split('=')
        return [
          name.trim().toLowerCase(),
          value
            .join('=')
            .trim()
            .replace(/^"(.*)"$/, '$1'),
        ] as const
      }),
  )
  const subject = parameters.get('schema')
  if (subject) return { by: 'contentType', subject, ...versionOf(parameters.get('v') ?? parameters.get('version')) }
  const own = (name: string): string | undefined => (Object.hasOwn(properties, name) ? properties[name] : undefined)
  const property = own('schema')
  if (property) return { by: 'property', subject: property, ...versionOf(own('schemaVersion')) }
  const [, name, version] = /^(.{1,255}?)(?:[;/]v?(\d{1,9}))?$/.exec(own('dt-dataschema') ?? '') ?? []
  return name ? { by: 'property', subject: name, ...versionOf(version) } : undefined
}

function versionOf(text: string | undefined): { version?: number } {
  const version = versionNumberOf(text)
  return version === undefined ? {} : { version }
}

function byTopic({ topic }: CodecContext, rules: readonly SchemaRule[]): SchemaChoice['named'] {
  const rule = topic === undefined ? undefined : rules.find(({ kind, match }) => kind === 'topic' && topicMatches(match, topic))
  return rule && { ...nameOf(rule), by: 'topic' }
}

/** Firmware before model, whatever the order of the rules. */
function byDevice({ firmware, model }: DeviceFacts, rules: readonly SchemaRule[]): SchemaChoice['named'] {
  for (const kind of ['firmware', 'model'] as const)
    for (const rule of rules) {
      if (rule.kind !== kind) continue
      const fits =
        kind === 'firmware'
          ? firmware !== undefined && (versionRange(rule.match)?.(firmware) ?? false)
          : model !== undefined && (model === rule.match || model.startsWith(`${rule.match};`))
      if (fits) return { ...nameOf(rule), by: kind }
    }
  return undefined
}

const nameOf = ({ subject, version, message }: SchemaRule): NamedSchema => ({
  subject,
  ...(version !== undefined && { version }),
  ...(message && { message }),
})
