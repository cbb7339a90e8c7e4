import { allocationPolicies, hookDefaults, reprovisionPolicies } from '../../provisioning/enrolment.ts'
import type { Schema } from './schema.ts'
import { count, flag, free, listOf, object, open, refTo, text, textTo, time } from './shapes.ts'

const choice = (...words: string[]): Schema => ({ type: 'string', enum: words })
/** A member that null takes away: the hub checks the rest. */
const clearable = (description: string): Schema => ({ description: `${description}; null: none` })
const names = listOf(textTo(128))
const texts: Schema = { type: 'object', additionalProperties: textTo(1024) }
const pem = textTo(32_768, 'PEM')
const keyType = choice('rsa-2048', 'ec-p256')

const settings = {
  enabled: flag,
  attestation: object(
    {
      kind: choice('sas', 'x509', 'x509-ca'),
      primaryKey: textTo(128, 'base64; made if not given'),
      secondaryKey: textTo(128),
      primary: textTo(32_768, 'SHA-256 fingerprint, or the certificate as PEM'),
      secondary: textTo(32_768),
      cas: listOf(object({ caId: textTo(128), pem }, [], { description: 'one of the two' })),
    },
    ['kind'],
  ),
  allocation: object({
    policy: choice(...allocationPolicies),
    hubs: listOf(object({ host: textTo(260), weight: { type: 'integer', minimum: 1, maximum: 1000 } }, ['host'])),
  }),
  reprovision: choice(...reprovisionPolicies),
  initialTwin: object({ desired: free, tags: free }),
  attributes: texts,
  policies: names,
  groups: names,
  hook: object({ enabled: flag, timeoutMs: count, default: choice(...hookDefaults) }),
  approval: choice('auto', 'manual'),
  deviceId: clearable('of an individual one, if not named like the registration id'),
  model: clearable('text'),
  quota: clearable('devices in all'),
  allowList: clearable('name of the list that must name the registration id'),
  notAfter: clearable('epoch ms'),
} as const satisfies Record<string, Schema>

export const newEnrolment: Schema = object(
  { id: textTo(128), kind: choice('individual', 'group'), registrationId: textTo(128), ...settings },
  ['kind', 'attestation'],
)
export const enrolmentPatch: Schema = object(settings)

const templateSettings = {
  kind: choice('fleet', 'jitp'),
  body: { description: 'the document, as JSON or as text' },
  enabled: flag,
  keyType,
  approval: choice('auto', 'manual'),
  existing: choice('approval', 'allow', 'refuse'),
  hook: clearable('{enabled, timeoutMs, default}'),
  allowList: clearable('name of the list that must name the device'),
  allowListParameter: clearable('parameter that is looked up in it'),
  quota: clearable('devices in all'),
  notAfter: clearable('epoch ms'),
} as const satisfies Record<string, Schema>

export const newTemplate: Schema = object({ name: textTo(36), ...templateSettings }, ['name', 'body'])
export const templatePatch: Schema = object(templateSettings)

const claimSettings = {
  templates: listOf(textTo(36)),
  enabled: flag,
  sourceNetworks: listOf(textTo(64)),
  notAfter: clearable('epoch ms'),
  quota: clearable('devices in all'),
  batch: clearable('for people'),
} as const satisfies Record<string, Schema>

export const newClaim: Schema = object({
  id: textTo(64),
  ...claimSettings,
  pem,
  keyType,
  trusted: { ...flag, description: 'five minutes for one device: with `template`, `deviceId` and `keyType` only' },
  template: textTo(36),
  deviceId: textTo(128),
})
export const claimPatch: Schema = object(claimSettings)

export const newAllowList: Schema = object({ name: textTo(64) }, ['name'])
export const newEntries: Schema = object({ entries: listOf(free) }, ['entries'])

const described = {
  reason: textTo(500),
  tags: free,
  attributes: texts,
  desired: free,
  payload: { description: 'handed to the device' },
  deviceConfiguration: texts,
}
export const approval: Schema = object({ verdict: object(described) })
/** What makes another device of it, or gives it rights, is for administrators. */
export const assignment: Schema = object({
  verdict: object({
    ...described,
    deviceId: textTo(128),
    policies: names,
    groups: names,
    hub: textTo(260),
    parameterOverrides: texts,
  }),
})
export const newPairing: Schema = object({
  deviceId: textTo(128, 'the device it is for'),
  template: textTo(36, 'by which the device comes; its parameters may name it'),
  parameters: texts,
})
export const bootstrapPatch: Schema = object({
  intervals: { type: 'object', additionalProperties: count, description: 'milliseconds by name' },
  configuration: free,
})
export const bootstrapPruning: Schema = object({
  cas: listOf(textTo(32_768, 'PEM')),
  endpoints: listOf(object({ kind: choice('mqtts', 'wss', 'https', 'dps'), address: textTo(300) }, ['kind', 'address'])),
  intervals: names,
  configuration: names,
})
export const denial: Schema = object({ reason: textTo(500) })
export const caTemplate: Schema = object({ template: textTo(36) }, ['template'])

/** Components of the OpenAPI document. */
export const provisioningSchemas: Readonly<Record<string, Schema>> = {
  Enrolment: open({ ...settings, attestation: free, id: text, kind: text, createdAt: time, updatedAt: time, etag: text }, [
    'id',
    'kind',
    'attestation',
    'etag',
  ]),
  EnrolmentReply: object(
    { enrolment: refTo('Enrolment'), secrets: object({ primaryKey: text, secondaryKey: text }, ['primaryKey', 'secondaryKey']) },
    ['enrolment'],
  ),
  Registration: open(
    {
      registrationId: text,
      enrolmentId: text,
      deviceId: text,
      assignedHub: text,
      substatus: text,
      createdAt: time,
      updatedAt: time,
    },
    ['registrationId', 'enrolmentId', 'deviceId', 'assignedHub'],
  ),
  Template: open({ name: text, ...templateSettings, body: text, used: count, warnings: listOf(text), etag: text }, [
    'name',
    'body',
    'etag',
  ]),
  Claim: open(
    { id: text, ...claimSettings, kind: text, fingerprint: text, pem: text, used: count, rejected: count, etag: text },
    ['id', 'fingerprint', 'etag'],
  ),
  MadeClaim: object(
    {
      claim: refTo('Claim'),
      secrets: object({ certificatePem: text, privateKeyPem: text }, ['certificatePem', 'privateKeyPem'], {
        description: 'if they were made here',
      }),
      caPem: text,
    },
    ['claim', 'caPem'],
  ),
  AllowList: object({ name: text, createdAt: time, patterns: listOf(free) }, ['name', 'createdAt', 'patterns']),
  AllowListEntry: open({ serial: text, spentBy: text, spentAt: time }, ['serial']),
  WaitingDevice: open(
    { id: text, kind: text, registrationId: text, deviceId: text, suspicion: text, ip: text, since: time, until: time },
    ['id', 'kind', 'registrationId', 'since', 'until'],
  ),
  PairingCode: open(
    {
      id: text,
      hint: text,
      state: text,
      deviceId: text,
      template: text,
      parameters: texts,
      tries: count,
      createdBy: text,
      createdAt: time,
      expiresAt: time,
      usedBy: text,
      usedAt: time,
    },
    ['id', 'hint', 'state', 'tries', 'createdAt', 'expiresAt'],
  ),
  MadePairingCode: object({ pairing: refTo('PairingCode'), code: text }, ['pairing', 'code']),
  Bootstrap: open(
    {
      v: count,
      endpoints: listOf(free),
      cas: listOf(text),
      time,
      timeUtc: text,
      intervals: free,
      configuration: free,
      etag: text,
    },
    ['v', 'endpoints', 'cas', 'time', 'etag'],
  ),
}
