import {
  functionOf,
  invalidTemplate,
  isObject,
  type ListNode,
  readList,
  readText,
  type Scope,
  type TextNode,
} from './template-expression.ts'

/** What becomes of a part that exists already; AWS leaves it as it is unless told otherwise. */
export type Override = 'keep' | 'replace' | 'merge' | 'fail'

export interface ThingResource {
  name: TextNode
  attributes: ReadonlyMap<string, TextNode>
  groups?: ListNode
  type?: TextNode
  overrides: { attributes: Override; groups: Override; type: Override }
}

export interface CertificateResource {
  id?: TextNode
  csr?: TextNode
  pem?: TextNode
  caPem?: TextNode
  status?: TextNode
}

/** By name, or a document of its own whose texts may hold functions. */
export type PolicyResource = { name: TextNode } | { document: TextNode | ObjectNode; path: string }

export interface ObjectNode {
  kind: 'object'
  members: ReadonlyMap<string, DocumentNode>
}
export type DocumentNode =
  | { kind: 'value'; value: string | number | boolean | null }
  | { kind: 'computed'; text: TextNode }
  | { kind: 'array'; items: readonly DocumentNode[] }
  | ObjectNode

interface Resources {
  thing: ThingResource
  certificate?: CertificateResource
  policies: PolicyResource[]
  warnings: string[]
}

type Members = Record<string, unknown>
interface Found {
  path: string
  properties: Members
  overrides: Members
}

const types = ['AWS::IoT::Thing', 'AWS::IoT::Certificate', 'AWS::IoT::Policy'] as const
const mostPolicies = 10
const mostAttributes = 50
const maxDepth = 20

/** Exactly one thing, at most one certificate, at most ten policies. PROV_TEMPLATE_INVALID. */
export function readResources(value: unknown, scope: Scope): Resources {
  if (!isObject(value)) throw invalidTemplate('Resources', 'an object with the thing, its certificate and policies is expected')
  const found: Record<string, Found[]> = { 'AWS::IoT::Thing': [], 'AWS::IoT::Certificate': [], 'AWS::IoT::Policy': [] }
  const warnings: string[] = []
  for (const [name, resource] of Object.entries(value)) {
    const path = `Resources.${name.slice(0, 80)}`
    const {
      Type,
      Properties = {},
      OverrideSettings = {},
      ...more
    } = members(resource, path, ['Type', 'Properties', 'OverrideSettings', 'DependsOn'])
    if (!types.some(type => type === Type)) throw invalidTemplate(`${path}.Type`, `types are ${types.join(', ')}`)
    if ('DependsOn' in more) warnings.push(`${path}.DependsOn is not needed and ignored`)
    const part = {
      path,
      properties: members(Properties, `${path}.Properties`),
      overrides: members(OverrideSettings, `${path}.OverrideSettings`),
    }
    found[Type as string]!.push(part)
  }
  const [things, certificates, policies] = types.map(type => found[type]!) as [Found[], Found[], Found[]]
  if (things.length !== 1) throw invalidTemplate('Resources', `exactly one ${types[0]} is expected`)
  if (certificates.length > 1) throw invalidTemplate(certificates[1]!.path, 'there is one certificate')
  if (policies.length > mostPolicies)
    throw invalidTemplate(policies[mostPolicies]!.path, `there are at most ${mostPolicies} policies`)
  return {
    thing: readThing(things[0]!, scope, warnings),
    ...(certificates[0] && { certificate: readCertificate(certificates[0], scope) }),
    policies: policies.map(policy => readPolicy(policy, scope)),
    warnings,
  }
}

function readThing({ path, properties, overrides }: Found, scope: Scope, warnings: string[]): ThingResource {
  const at = `${path}.Properties`
  const known = members(properties, at, ['ThingName', 'AttributePayload', 'ThingGroups', 'ThingTypeName', 'BillingGroup'])
  if (known.ThingName === undefined) throw invalidTemplate(at, 'a ThingName is missing')
  if (known.BillingGroup !== undefined) warnings.push(`${at}.BillingGroup: there are no billing groups, it is ignored`)
  const attributes = Object.entries(members(known.AttributePayload ?? {}, `${at}.AttributePayload`))
  if (attributes.length > mostAttributes)
    throw invalidTemplate(`${at}.AttributePayload`, `more than ${mostAttributes} attributes`)
  const settings = members(overrides, `${path}.OverrideSettings`, ['AttributePayload', 'ThingGroups', 'ThingTypeName'])
  const override = (name: string, merge: boolean) => overrideOf(settings[name], `${path}.OverrideSettings.${name}`, merge)
  return {
    name: readText(known.ThingName, `${at}.ThingName`, scope),
    attributes: new Map(
      attributes.map(([name, text]) => {
        const place = `${at}.AttributePayload.${name.slice(0, 80)}`
        if (!/^[A-Za-z0-9_.:@/#-]{1,128}$/.test(name))
          throw invalidTemplate(place, 'a name has 1 to 128 of A-Z a-z 0-9 _ . : @ / # -')
        return [name, readText(text, place, scope)]
      }),
    ),
    ...(known.ThingGroups !== undefined && { groups: readList(known.ThingGroups, `${at}.ThingGroups`, scope) }),
    ...(known.ThingTypeName !== undefined && { type: readText(known.ThingTypeName, `${at}.ThingTypeName`, scope) }),
    overrides: {
      attributes: override('AttributePayload', true),
      groups: override('ThingGroups', true),
      type: override('ThingTypeName', false),
    },
  }
}

/** Its OverrideSettings speak of a certificate that is registered already, which here always is the one that comes: they are checked and have no effect. */
function readCertificate({ path, properties, overrides }: Found, scope: Scope): CertificateResource {
  const at = `${path}.Properties`
  const known = members(properties, at, [
    'CertificateId',
    'CertificateSigningRequest',
    'CertificatePem',
    'CACertificatePem',
    'Status',
  ])
  const settings = members(overrides, `${path}.OverrideSettings`, ['Status'])
  overrideOf(settings.Status, `${path}.OverrideSettings.Status`, false)
  const text = (name: string) => (known[name] === undefined ? undefined : readText(known[name], `${at}.${name}`, scope))
  const [id, csr, pem, caPem, status] = [
    'CertificateId',
    'CertificateSigningRequest',
    'CertificatePem',
    'CACertificatePem',
    'Status',
  ].map(text)
  if ([id, csr, pem].filter(Boolean).length > 1)
    throw invalidTemplate(at, 'give one of CertificateId, CertificateSigningRequest and CertificatePem')
  return { ...(id && { id }), ...(csr && { csr }), ...(pem && { pem }), ...(caPem && { caPem }), ...(status && { status }) }
}

function readPolicy({ path, properties }: Found, scope: Scope): PolicyResource {
  const at = `${path}.Properties`
  const { PolicyName, PolicyDocument } = members(properties, at, ['PolicyName', 'PolicyDocument'])
  if (PolicyDocument === undefined) {
    if (PolicyName === undefined) throw invalidTemplate(at, 'a PolicyName or a PolicyDocument is missing')
    return { name: readText(PolicyName, `${at}.PolicyName`, scope) }
  }
  const place = `${at}.PolicyDocument`
  if (typeof PolicyDocument === 'string') checkPolicyText(PolicyDocument, place)
  if (typeof PolicyDocument === 'string' || functionOf(PolicyDocument) !== undefined)
    return { document: readText(PolicyDocument, place, scope), path: place }
  if (!isObject(PolicyDocument)) throw invalidTemplate(place, 'an object or its JSON text is expected')
  return { document: readObject(PolicyDocument, place, scope, 0), path: place }
}

/** PROV_TEMPLATE_INVALID if it is no JSON object with a Statement. What the statements say is checked by whoever attaches them. */
export function checkPolicyText(text: string, path: string): void {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw invalidTemplate(path, 'the text is no JSON')
  }
  if (!isObject(parsed) || !('Statement' in parsed)) throw invalidTemplate(path, 'a policy has a Statement')
}

function readDocument(value: unknown, path: string, scope: Scope, depth: number): DocumentNode {
  if (depth > maxDepth) throw invalidTemplate(path, `nested more than ${maxDepth} deep`)
  if (functionOf(value) !== undefined) return { kind: 'computed', text: readText(value, path, scope) }
  if (Array.isArray(value))
    return { kind: 'array', items: value.map((item, i) => readDocument(item, `${path}[${i}]`, scope, depth + 1)) }
  if (isObject(value)) return readObject(value, path, scope, depth)
  return { kind: 'value', value: value as string | number | boolean | null }
}

function readObject(value: Members, path: string, scope: Scope, depth: number): ObjectNode {
  const entries = Object.entries(value).map(
    ([name, member]) => [name, readDocument(member, `${path}.${name.slice(0, 80)}`, scope, depth + 1)] as const,
  )
  return { kind: 'object', members: new Map(entries) }
}

function overrideOf(value: unknown, path: string, merge: boolean): Override {
  if (value === undefined || value === 'DO_NOTHING') return 'keep'
  if (value === 'REPLACE') return 'replace'
  if (value === 'FAIL') return 'fail'
  if (value === 'MERGE' && merge) return 'merge'
  throw invalidTemplate(path, `it is DO_NOTHING, REPLACE${merge ? ', MERGE' : ''} or FAIL`)
}

/** The members of an object; with `allowed` no others. */
function members(value: unknown, path: string, allowed?: readonly string[]): Members {
  if (!isObject(value)) throw invalidTemplate(path, 'an object is expected')
  const unknown = allowed && Object.keys(value).find(name => !allowed.includes(name))
  if (unknown !== undefined)
    throw invalidTemplate(`${path}.${unknown.slice(0, 80)}`, `no such member; there are ${allowed!.join(', ')}`)
  return value
}
