import { isDeviceId } from '../identity/device-id.ts'
import { LoomError } from '../errors.ts'
import type { Template } from './template.ts'
import { listOf, textOf, type Values } from './template-evaluate.ts'
import { invalidTemplate, isCertificateParameter, type TextNode } from './template-expression.ts'
import { checkPolicyText, type DocumentNode, type PolicyResource, type ThingResource } from './template-resources.ts'

export type Parameters = Readonly<Record<string, string>>

/** What a template makes of one set of parameters. */
export interface Expanded {
  thingName: string
  attributes: Record<string, string>
  groups: string[]
  thingType?: string
  /** names of policies */
  policies: string[]
  /** policies of this device alone, JSON texts */
  policyDocuments: string[]
  overrides: ThingResource['overrides']
  deviceConfiguration: Record<string, string>
  certificate: { status: 'active' | 'inactive'; id?: string; csr?: string; pem?: string; caPem?: string }
}

const maxPolicyBytes = 8192
const maxParameterChars = 8192
const mostParameters = 100
/** In a policy, what a device says must stay a plain word: no wildcard, level, variable or end of a JSON string. */
const unsafeInPolicy = /["\\*?+#/$\p{Cc}]/u

/**
 * Fills in a template. Every declared parameter without a default must have a value, and every one of the certificate that is used (PROV_PARAMETER_MISSING,
 * which names it). PROV_PARAMETER_INVALID, IDENTITY_INVALID for the thing's name, PROV_TEMPLATE_INVALID for a status or policy document that came out wrong.
 */
export function expandTemplate(template: Template, parameters: Parameters): Expanded {
  checkParameters(parameters)
  const parameterOf = (name: string): string => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : template.parameters.get(name)?.default
    if (value !== undefined) return value
    const whose = isCertificateParameter(name) ? 'the certificate does not say it' : 'give a value or declare a default'
    throw new LoomError('PROV_PARAMETER_MISSING', name, { position: name, hint: whose })
  }
  for (const name of template.parameters.keys()) parameterOf(name)
  const values: Values = { of: parameterOf }
  const { thing, certificate = {} } = template
  const thingName = textOf(thing.name, values)
  if (!isDeviceId(thingName))
    throw new LoomError('IDENTITY_INVALID', `thing name ${JSON.stringify(thingName.slice(0, 80))}`, {
      hint: 'it has 1 to 128 of A-Z a-z 0-9 : . _ - and begins with a letter or digit',
    })
  const optional = (node: TextNode | undefined) => (node ? textOf(node, values) : undefined)
  const [id, csr, pem, caPem, thingType] = [certificate.id, certificate.csr, certificate.pem, certificate.caPem, thing.type].map(
    optional,
  )
  const inPolicy: Values = { of: name => plainWord(name, parameterOf(name)) }
  return {
    thingName,
    attributes: textsOf(thing.attributes, values),
    groups: thing.groups ? listOf(thing.groups, values).map(name => nameOf(name, 'group')) : [],
    ...(thingType !== undefined && { thingType: nameOf(thingType, 'thing type') }),
    policies: template.policies.flatMap(policy => ('name' in policy ? [nameOf(textOf(policy.name, values), 'policy')] : [])),
    policyDocuments: template.policies.flatMap(policy => ('name' in policy ? [] : [policyDocument(policy, inPolicy)])),
    overrides: thing.overrides,
    deviceConfiguration: textsOf(template.deviceConfiguration, values),
    certificate: {
      status: statusOf(optional(certificate.status)),
      ...(id !== undefined && { id }),
      ...(csr !== undefined && { csr }),
      ...(pem !== undefined && { pem }),
      ...(caPem !== undefined && { caPem }),
    },
  }
}

function checkParameters(parameters: Parameters): void {
  const entries = Object.entries(parameters)
  if (entries.length > mostParameters)
    throw new LoomError('PROV_PARAMETER_INVALID', `${entries.length} of them`, { hint: `at most ${mostParameters}` })
  for (const [name, value] of entries) {
    if (typeof value === 'string' && value.length <= maxParameterChars && value.isWellFormed()) continue
    throw new LoomError('PROV_PARAMETER_INVALID', JSON.stringify(name.slice(0, 80)), {
      position: name.slice(0, 80),
      hint: `a value is a text of at most ${maxParameterChars} characters`,
    })
  }
}

function plainWord(name: string, value: string): string {
  if (!unsafeInPolicy.test(value)) return value
  throw new LoomError('PROV_PARAMETER_INVALID', name, {
    position: name,
    hint: 'in a policy a value has none of " \\ * ? + # / $',
  })
}

function nameOf(text: string, what: string): string {
  if (/^[^\p{Cc}]{1,128}$/u.test(text)) return text
  throw new LoomError('PROV_PARAMETER_INVALID', `${what} ${JSON.stringify(text.slice(0, 80))}`, {
    hint: 'a name has 1 to 128 characters',
  })
}

function textsOf(nodes: ReadonlyMap<string, TextNode>, values: Values): Record<string, string> {
  return Object.fromEntries(
    Array.from(nodes, ([name, node]) => {
      const text = textOf(node, values)
      if (text.length <= 1024) return [name, text]
      throw new LoomError('PROV_PARAMETER_INVALID', `${name} has ${text.length} characters`, { hint: 'at most 1024' })
    }),
  )
}

function statusOf(text = 'ACTIVE'): 'active' | 'inactive' {
  const status = text.toLowerCase()
  if (status === 'active' || status === 'inactive') return status
  throw invalidTemplate('the certificate', `status ${JSON.stringify(text.slice(0, 40))}; it is ACTIVE or INACTIVE`)
}

function policyDocument({ document, path }: Extract<PolicyResource, { path: string }>, values: Values): string {
  const text = document.kind === 'object' ? JSON.stringify(valueOfDocument(document, values)) : textOf(document, values)
  if (Buffer.byteLength(text) > maxPolicyBytes) throw invalidTemplate(path, `a policy has at most ${maxPolicyBytes} bytes`)
  checkPolicyText(text, path)
  return text
}

function valueOfDocument(node: DocumentNode, values: Values): unknown {
  switch (node.kind) {
    case 'value':
      return node.value
    case 'computed':
      return textOf(node.text, values)
    case 'array':
      return node.items.map(item => valueOfDocument(item, values))
    case 'object':
      return Object.fromEntries(Array.from(node.members, ([name, member]) => [name, valueOfDocument(member, values)]))
  }
}
