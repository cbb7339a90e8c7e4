import type { Schema } from './schema.ts'
import { count, flag, free, listOf, object, open, text, textTo, time } from './shapes.ts'

/** A policy document as text, whose faults then have a place, or as JSON. */
const document = { text: textTo(200_000, 'the document'), document: { ...free, description: 'the document, instead of `text`' } }
const description = textTo(1024)

export const newPolicy: Schema = object({ id: textTo(128), ...document, description }, ['id'])
export const policyChange: Schema = object({ ...document, description })
export const policyGiven: Schema = object(document)
export const policyQuestion: Schema = object(
  {
    device: textTo(128),
    action: { ...textTo(64), description: '`iot:Publish`, `Subscribe`, ..' },
    topic: textTo(1024, 'of `Subscribe` a filter'),
    clientId: textTo(256, 'default the device id'),
    sourceIp: textTo(64),
    domainName: textTo(253, 'the name it dialled'),
    text: textTo(200_000, "a document instead of the device's own policies"),
    document: { ...free, description: 'the same as JSON' },
  },
  ['device', 'action'],
)
export const strictness: Schema = object({ strict: flag }, ['strict'])

const targets = {
  device: textTo(128),
  group: textTo(128),
  certificate: textTo(64, 'SHA-256 fingerprint'),
  hub: { ...flag, description: 'every device' },
}
export const policyTarget: Schema = object(targets, [], { description: 'one of the four' })
export const targetQuery: Readonly<Record<string, Schema>> = targets

export const newGroup: Schema = object({ id: textTo(128), parent: textTo(128), description }, ['id'])
export const groupPatch: Schema = object({ parent: { description: 'group id; null: the top' }, description })
export const groupMembers: Schema = object({ devices: listOf(textTo(128)) }, ['devices'])

const checkpoint: Schema = object({ seq: count, hash: textTo(64), time, sig: textTo(64) }, ['seq', 'hash', 'time', 'sig'])
export const auditCheck: Schema = object({ upTo: { ...checkpoint, description: 'a checkpoint that was kept elsewhere' } })
export const auditErasure: Schema = object({
  target: textTo(256, 'a device, policy, ..'),
  actor: textTo(256, '`user anna`, `node 3f2a`'),
})

/** Components of the OpenAPI document. */
export const accessSchemas: Readonly<Record<string, Schema>> = {
  Policy: open({ id: text, text, description: text, createdAt: time, updatedAt: time, etag: text }, ['id', 'text', 'etag']),
  PolicyTarget: policyTarget,
  PolicyAnswer: open(
    {
      verdict: text,
      statement: object({ policyId: text, index: count, sid: text }, ['policyId', 'index']),
      variables: free,
    },
    ['verdict', 'variables'],
  ),
  PolicyContent: object({ statements: count, variables: listOf(text) }, ['statements', 'variables']),
  Allowed: open({ id: text, statement: free }, ['id', 'statement']),
  Group: open({ id: text, parent: text, description: text, createdAt: time, updatedAt: time, etag: text }, ['id', 'etag']),
  AuditEntry: open({ seq: count, time, actor: text, action: text, target: text, result: text, detail: free }, [
    'seq',
    'time',
    'actor',
    'action',
    'target',
    'result',
  ]),
  Checkpoint: checkpoint,
  Verification: open(
    { ok: flag, checked: count, head: count, seq: { ...count, description: 'of the first wrong entry' }, reason: text },
    ['ok', 'checked'],
  ),
}
