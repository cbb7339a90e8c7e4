import { LoomError } from '../../errors.ts'
import { isObject } from '../../provisioning/enrolment-values.ts'
import type { BootstrapDocument } from '../../provisioning/bootstrap.ts'
import type { OwnIdentity, OwnRequest } from '../../provisioning/own-provisioning-request.ts'
import { type HttpAnswer, json } from '../http.ts'

const mostBytes = 65_536
const names = ['template', 'csr', 'keyType', 'parameters', 'pairingCode', 'credentials']

/** REQUEST_INVALID, REQUEST_TOO_LARGE; no message repeats what was sent but a member's name. */
export function readOwnRequest(body: Uint8Array): OwnRequest {
  if (body.length > mostBytes) throw new LoomError('REQUEST_TOO_LARGE', `${body.length} bytes, at most ${mostBytes}`)
  const value = parsed(body)
  const unknown = Object.keys(value).find(name => !names.includes(name))
  if (unknown !== undefined) throw wrong(JSON.stringify(unknown.slice(0, 40)), `members are ${names.join(', ')}`)
  for (const name of ['template', 'csr', 'pairingCode'])
    if (value[name] !== undefined && typeof value[name] !== 'string') throw wrong(name, 'it is a text')
  const { csr, keyType, parameters, credentials } = value
  if (keyType !== undefined && keyType !== 'ec-p256' && keyType !== 'rsa-2048')
    throw wrong('keyType', 'it is ec-p256 or rsa-2048')
  if (keyType !== undefined && csr !== undefined) throw wrong('keyType', 'it is for keys that are made here, without csr')
  if (parameters !== undefined && !isObject(parameters)) throw wrong('parameters', 'they are an object of texts')
  if (credentials !== undefined) checkCredentials(credentials, csr !== undefined || keyType !== undefined)
  return value as OwnRequest
}

export const provisioned = (identity: OwnIdentity, more: { caPem: string; bootstrap: BootstrapDocument }): HttpAnswer =>
  json(200, { ...identity, ...more }, noStore)

/** A person must decide: the same request again, later. */
export const mustWait = (retryAfterS: number): HttpAnswer =>
  json(202, { state: 'PENDING_APPROVAL', retryAfterS }, { ...noStore, 'retry-after': String(retryAfterS) })

export const bootstrapDocumentAnswer = (document: BootstrapDocument): HttpAnswer => json(200, document, noStore)

const noStore = { 'cache-control': 'no-store' }

function parsed(body: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw wrong('the body', 'it is a JSON object, UTF-8')
  }
  if (!isObject(value)) throw wrong('the body', 'it is a JSON object')
  return value
}

function checkCredentials(value: unknown, certificate: boolean): void {
  const kind = isObject(value) && Object.keys(value).length === 1 ? value.kind : undefined
  if (kind !== 'x509' && kind !== 'sas' && kind !== 'password') throw wrong('credentials', 'it is {kind}: x509, sas or password')
  if (certificate && kind !== 'x509') throw wrong('credentials', 'csr and keyType are for a certificate')
}

const wrong = (member: string, hint: string): LoomError => new LoomError('REQUEST_INVALID', member, { hint })
