import { keyTypes } from '../../pki/keys.ts'
import { accessSchemas } from './access-schemas.ts'
import { commandSchemas } from './command-schemas.ts'
import { configurationSchemas } from './configuration-schemas.ts'
import { endpointSchemas } from './endpoint-routes.ts'
import { fleetSchemas } from './fleet-schemas.ts'
import { modelSchemas } from './model-schemas.ts'
import { pkiSchemas } from './pki-schemas.ts'
import { provisioningSchemas } from './provisioning-schemas.ts'
import { ruleSchemas } from './rule-schemas.ts'
import { referenceSchemas } from './reference-schemas.ts'
import type { Schema } from './schema.ts'
import { count, free, object, refTo, text, time } from './shapes.ts'

/** What a request may say of a credential. Nothing in it: made here. */
export const credentialRequest: Schema = object(
  {
    kind: { type: 'string', enum: ['sas', 'x509', 'password', 'x509-group', 'sas-derived', 'jwt'] },
    primaryKey: { type: 'string', maxLength: 128 },
    secondaryKey: { type: 'string', maxLength: 128 },
    csrPem: { type: 'string', maxLength: 32_768 },
    certificatePem: { type: 'string', maxLength: 32_768 },
    keyType: { type: 'string', enum: keyTypes },
    days: { type: 'integer', minimum: 1, maximum: 3650 },
    username: { type: 'string', maxLength: 128 },
    password: { type: 'string', maxLength: 256 },
    caId: { type: 'string', maxLength: 128, description: 'x509-group: a registered CA' },
    match: { type: 'string', enum: ['cn', 'san-uri'] },
    groupId: { type: 'string', maxLength: 128, description: 'sas-derived: an enrolment group' },
    tokenIssuer: { type: 'string', maxLength: 63, description: 'jwt: id of a token issuer' },
    tokenSubject: { type: 'string', maxLength: 512 },
  },
  ['kind'],
)

export const registration: Schema = object(
  {
    id: { type: 'string', maxLength: 128 },
    credentials: credentialRequest,
    tags: free,
    attributes: { type: 'object', additionalProperties: { type: 'string' } },
    desired: free,
    enabled: { type: 'boolean' },
  },
  ['id'],
)

export const devicePatch: Schema = object(
  {
    enabled: { type: 'boolean' },
    reason: { type: 'string', maxLength: 256 },
    tags: { ...free, description: 'merge patch, RFC 7396' },
    attributes: { ...free, description: 'merge patch; values are strings or null' },
  },
  [],
)

/** Of what changes a device's state. */
export const reasonGiven: Schema = object({ reason: { type: 'string', maxLength: 256 } })

export const retirement: Schema = object({
  reason: { type: 'string', maxLength: 256 },
  telemetry: { type: 'string', enum: ['keep', 'erase'], description: 'default keep' },
})
const decommission: Schema = object(
  {
    device: text,
    generation: text,
    at: time,
    by: text,
    reason: text,
    telemetry: text,
    steps: { type: 'array', items: object({ step: text, at: time, result: text, count }, ['step', 'at', 'result']) },
    done: { type: 'boolean', description: 'no: the hub goes on by itself' },
    journalUntil: { ...time, description: 'epoch ms; until then the journal has what an erased device sent' },
    archive: { ...free, description: 'what the device was' },
  },
  ['device', 'at', 'by', 'telemetry', 'steps', 'done', 'archive'],
)

/** Components of the OpenAPI document: the shapes of answers. */
export const components: Readonly<Record<string, Schema>> = {
  Error: object(
    { error: object({ code: text, message: text, hint: text }, ['code', 'message'], { additionalProperties: true }) },
    ['error'],
  ),
  Hub: object({ id: text, name: text, status: text }, ['id', 'name', 'status']),
  Health: object(
    {
      hubId: text,
      name: text,
      status: { type: 'string', enum: ['starting', 'ok', 'degraded', 'blocked', 'failed', 'stopped'] },
      since: time,
      restarts: count,
      listeners: { type: 'array', items: free },
      journal: free,
      store: free,
      devices: count,
      connections: count,
      problems: { type: 'array', items: free },
    },
    ['hubId', 'status', 'since', 'listeners', 'journal', 'store'],
    { additionalProperties: true },
  ),
  Credential: object(
    { cid: text, kind: text, status: text, createdAt: time, hasSecret: { type: 'boolean' } },
    ['cid', 'kind', 'status'],
    { additionalProperties: true },
  ),
  Device: object(
    {
      id: text,
      generation: text,
      enabled: { type: 'boolean' },
      state: text,
      credentials: { type: 'array', items: refTo('Credential') },
      tags: free,
      attributes: free,
      createdAt: time,
      updatedAt: time,
      etag: text,
      connection: free,
    },
    ['id', 'enabled', 'state', 'credentials', 'etag', 'connection'],
    { additionalProperties: true },
  ),
  Connection: object(
    {
      connectedAt: time,
      disconnectedAt: {
        ...time,
        description: 'epoch ms; absent: it is there, or the hub was killed (`disconnectReason` UNKNOWN)',
      },
      disconnectReason: text,
      clientId: text,
      address: text,
      dialect: text,
      cid: { ...text, description: 'the credential that opened it' },
      gateway: { ...text, description: 'the device that it was behind' },
    },
    ['connectedAt', 'clientId', 'address', 'dialect', 'cid'],
  ),
  Decommission: decommission,
  Retired: object({ id: text, state: text, etag: text, decommission: refTo('Decommission') }, ['id', 'state', 'decommission'], {
    additionalProperties: true,
  }),
  Twin: object(
    {
      device: text,
      name: { ...text, description: 'empty for the main one' },
      desired: free,
      reported: free,
      delta: { ...free, description: 'what is desired and not reported; absent: nothing' },
      tags: { ...free, description: 'with the main twin' },
      version: count,
      desiredVersion: count,
      reportedVersion: count,
      exists: { type: 'boolean', description: 'devices of AWS see it' },
      metadata: { ...free, description: 'desired and reported as trees of `$at` (epoch ms) and `$version` (of the section)' },
      etag: text,
    },
    ['device', 'name', 'desired', 'reported', 'version', 'desiredVersion', 'reportedVersion', 'exists', 'etag'],
  ),
  Secrets: object({ cid: text, kind: text, caPem: text }, ['cid', 'kind', 'caPem'], { additionalProperties: true }),
  Created: object({ device: refTo('Device'), secrets: refTo('Secrets') }, ['device']),
  Reading: object({ device: text, time, values: free }, ['device', 'time', 'values'], { additionalProperties: true }),
  LastValue: object({ device: text, stream: text, point: text, time, arrived: time, value: {} }, ['device', 'point', 'time']),
  Consumer: object(
    {
      name: text,
      position: { ...count, description: 'journal sequence up to which all is acknowledged' },
      lag: { ...count, description: 'records behind the newest one' },
      inFlight: { ...count, description: 'records delivered and not acknowledged' },
      lastSeen: time,
      inUse: { type: 'boolean', description: 'a node reads under that name now' },
    },
    ['name', 'position', 'lag', 'inFlight', 'inUse'],
  ),
  Import: object(
    {
      operation: object(
        { id: text, kind: text, state: text, total: count, done: count, failed: count, startedAt: time, endedAt: time },
        ['id', 'state', 'done', 'failed'],
        { additionalProperties: true },
      ),
      secrets: { ...count, description: 'rows whose key material waits to be fetched' },
    },
    ['operation', 'secrets'],
  ),
  DeadLetter: object(
    {
      id: count,
      at: time,
      reason: text,
      code: text,
      message: text,
      device: text,
      topic: text,
      payload: { ...text, description: 'base64' },
      state: text,
    },
    ['id', 'at', 'code', 'message', 'state'],
    { additionalProperties: true },
  ),
  ...endpointSchemas,
  ...commandSchemas,
  ...pkiSchemas,
  ...accessSchemas,
  ...fleetSchemas,
  ...configurationSchemas,
  ...provisioningSchemas,
  ...modelSchemas,
  ...referenceSchemas,
  ...ruleSchemas,
}
