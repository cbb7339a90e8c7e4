import { LoomError } from '../errors.ts'
import { flag, invalidValue, isObject, oneOf, wholeNumber } from './enrolment-values.ts'
import { readTemplate } from './template.ts'

/** How a template is used. */
export interface TemplateSettings {
  /** `fleet`: by claims and by devices that rotate; `jitp`: by unknown certificates of a CA that names it */
  kind: 'fleet' | 'jitp'
  /** the document, JSON text */
  body: string
  enabled: boolean
  /** of keys that the hub makes for a device; RSA is what users of the AWS SDKs expect */
  keyType: 'rsa-2048' | 'ec-p256'
  /** `default`: what counts when nobody answered in time; `allow` only behind an allow list */
  hook?: { enabled: boolean; timeoutMs: number; default: 'deny' | 'allow' }
  /** Only who is on this list may come: by `allowListParameter`, else by SerialNumber if the template declares it, else by thing name. */
  allowList?: string
  allowListParameter?: string
  /** devices in all; one that comes again is not counted */
  quota?: number
  /** `manual`: a person says yes to each */
  approval: 'auto' | 'manual'
  /** A device of that name exists and has another key: a person decides (default), it is let in, or refused. */
  existing: 'approval' | 'allow' | 'refuse'
  /** epoch ms: later a person must say yes to each */
  notAfter?: number
}

const maxHookMs = 5000
const names = [
  'kind',
  'body',
  'enabled',
  'keyType',
  'hook',
  'allowList',
  'allowListParameter',
  'quota',
  'approval',
  'existing',
  'notAfter',
]

/** Defaults filled in, the body read once: `body` may be the document itself. PROV_INVALID, PROV_TEMPLATE_INVALID. */
export function checkSettings(value: unknown): TemplateSettings {
  if (!isObject(value)) throw invalidValue('template', 'it is an object with a body')
  const unknown = Object.keys(value).find(name => !names.includes(name))
  if (unknown !== undefined) throw invalidValue(unknown.slice(0, 80), `members are ${names.join(', ')}`)
  const { kind = 'fleet', enabled = true, keyType = 'rsa-2048', approval = 'auto', existing = 'approval' } = value
  const { allowList, allowListParameter, quota, notAfter, hook } = value
  const body = isObject(value.body) ? JSON.stringify(value.body) : value.body
  if (typeof body !== 'string') throw invalidValue('body', 'it is the document, as JSON text or object')
  const template = readTemplate(body)
  if (template.certificate?.csr ?? template.certificate?.pem)
    throw new LoomError('PROV_TEMPLATE_INVALID', 'the certificate', {
      hint: 'who comes brings or gets it: give CertificateId with a Ref to AWS::IoT::Certificate::Id',
    })
  if (allowListParameter !== undefined && !template.parameters.has(String(allowListParameter)))
    throw invalidValue('allowListParameter', 'the template declares no such parameter')
  return {
    kind: oneOf(kind, 'kind', ['fleet', 'jitp']),
    body,
    enabled: flag(enabled, 'enabled'),
    keyType: oneOf(keyType, 'keyType', ['rsa-2048', 'ec-p256']),
    ...(hook !== undefined && { hook: checkHook(hook, allowList !== undefined) }),
    ...(allowList !== undefined && { allowList: name(allowList, 'allowList') }),
    ...(allowListParameter !== undefined && { allowListParameter: name(allowListParameter, 'allowListParameter') }),
    ...(quota !== undefined && { quota: wholeNumber(quota, 'quota', 1, 1_000_000_000) }),
    approval: oneOf(approval, 'approval', ['auto', 'manual']),
    existing: oneOf(existing, 'existing', ['approval', 'allow', 'refuse']),
    ...(notAfter !== undefined && { notAfter: wholeNumber(notAfter, 'notAfter', 0, Number.MAX_SAFE_INTEGER) }),
  }
}

function checkHook(value: unknown, behindList: boolean): NonNullable<TemplateSettings['hook']> {
  if (!isObject(value)) throw invalidValue('hook', 'it is an object with enabled')
  const { enabled = true, timeoutMs = maxHookMs, default: otherwise = 'deny' } = value
  if (otherwise === 'allow' && !behindList) throw invalidValue('hook.default', 'allow needs an allow list')
  return {
    enabled: flag(enabled, 'hook.enabled'),
    timeoutMs: wholeNumber(timeoutMs, 'hook.timeoutMs', 500, maxHookMs),
    default: oneOf(otherwise, 'hook.default', ['deny', 'allow']),
  }
}

function name(value: unknown, member: string): string {
  if (typeof value === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(value)) return value
  throw invalidValue(member, 'a name has 1 to 128 of A-Z a-z 0-9 . _ : -')
}
