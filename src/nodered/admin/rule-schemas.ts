import type { Schema } from './schema.ts'
import { count, flag, free, listOf, open, refTo, text, textTo, time } from './shapes.ts'

const rule: Record<string, Schema> = {
  id: textTo(128, 'fixed for the life of the rule; default: that of the rule of this name'),
  name: textTo(128),
  enabled: flag,
  language: { type: 'string', enum: ['sql', 'condition'] },
  text,
  source: textTo(40, 'of a condition: what it looks at, default `DeviceMessages`'),
  topicTemplate: textTo(1024),
  output: { ...count, description: 'counted from 1; default: that of the rule of this id' },
}

export const newRules: Schema = {
  type: 'object',
  properties: { rules: listOf(open({ ...rule, sql: text, condition: text })) },
  required: ['rules'],
}

export const ruleSchemas: Readonly<Record<string, Schema>> = {
  RouteSummary: open(
    {
      node: text,
      name: text,
      hub: { ...text, description: 'hub id' },
      rules: count,
      failed: { ...count, description: 'rules that cannot be read' },
      seen: { ...count, description: 'messages and readings since the node started' },
      patternTimeouts: { ...count, description: 'patterns that took too long, Undefined for their rules' },
      lastError: open({ at: time, rule: text, code: text, message: text }),
    },
    ['node', 'name', 'rules', 'failed', 'seen', 'patternTimeouts'],
  ),
  RouteRule: open({
    ...rule,
    running: { ...flag, description: 'maybe in the version before' },
    error: { ...free, description: 'why it cannot be read, with its position' },
    matched: count,
    notMatched: count,
    undefined: { ...count, description: 'messages that it did not match for want of a value' },
    errors: count,
    outputs: count,
    timeMs: { type: 'number', description: 'estimated from every 64th message' },
  }),
  Route: open({ node: text, name: text, rules: count, items: listOf(refTo('RouteRule')) }, ['node', 'items']),
  SeenMessage: open(
    {
      at: time,
      matched: { ...listOf(text), description: 'names of the rules' },
      message: { ...free, description: 'as rules see it; bytes in `payloadBase64`' },
      tooLarge: { ...flag, description: 'its payload is larger than 16 KiB and left out' },
    },
    ['at', 'matched', 'message'],
  ),
}
