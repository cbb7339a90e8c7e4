import { kinds, kindOf, type PolicyAction, type ResourceKind } from './policy-actions.ts'
import { policyFault, shownText } from './policy-fault.ts'
import { globMatches, globOf, wildParts } from './policy-glob.ts'
import { type JsonNode, placeOf } from './policy-json.ts'
import { readTemplate, type Template } from './policy-template.ts'

/** A resource without its ARN: what it is of, and the pattern of the rest. */
export interface Resource {
  /** kinds it may be of */
  kinds: readonly ResourceKind[]
  template: Template
  /** The pattern reaches over the kind (`top*`): it is compared with `kind/name`. */
  whole: boolean
}

const arn = /^arn:([^:/]*):([^:/]*):([^:/]*):([^:/]*):/

/** POLICY_INVALID. */
export function readResource(text: string, node: JsonNode & { type: 'string' }): Resource {
  const { value } = node
  const broken = value.search(/\p{Cc}/u)
  if (broken >= 0) throw policyFault(placeOf(text, node, broken), 'a resource is broken over lines or holds a control character')
  const placeholder = value.search(/\$\{[A-Za-z]+::/)
  if (placeholder >= 0)
    throw policyFault(placeOf(text, node, placeholder), 'a placeholder of CloudFormation is not filled in', 'write * instead')
  const from = endOfArn(text, node)
  const inner = value.slice(from).search(/\barn:[a-z*-]*:[a-z0-9*-]*:/)
  if (inner >= 0)
    throw policyFault(placeOf(text, node, from + inner), 'an ARN inside a resource', 'a resource has one ARN, at its beginning')
  const head = /^[^/*?$]*/.exec(value.slice(from))![0]
  const end = value[from + head.length]
  if (value.slice(from) === '*') return { kinds, template: [{ wild: '*' }], whole: false }
  if (end === '*' || end === '?') {
    const template = readTemplate(text, node, { from, wild: true })
    const possible = kinds.filter(kind => kind.startsWith(head) && mayBegin(value.slice(from), kind))
    if (possible.length) return { kinds: possible, template, whole: true }
  }
  const kind = kinds.find(one => one === head)
  if (end === '/' && kind)
    return { kinds: [kind], template: readTemplate(text, node, { from: from + head.length + 1, wild: true }), whole: false }
  throw policyFault(
    placeOf(text, node, from),
    `the resource ${shownText(value)} is of no known kind`,
    `it begins with ${kinds.map(one => `${one}/`).join(', ')} or is *`,
  )
}

/** Where the resource part begins. Partition, region and account may be anything. */
function endOfArn(text: string, node: JsonNode & { type: 'string' }): number {
  const { value } = node
  if (!/^\s*arn\s*:/i.test(value)) return 0
  const found = arn.exec(value)
  if (!found || /\s/.test(found[0]))
    throw policyFault(
      placeOf(text, node),
      `the ARN ${shownText(value)} is not whole`,
      'write arn:aws:iot:region:account:topic/name',
    )
  if (found[2] !== 'iot' && found[2] !== '*')
    throw policyFault(
      placeOf(text, node),
      `the ARN ${shownText(value)} is of the service "${found[2]!.slice(0, 40)}"`,
      'it must be iot',
    )
  return found[0].length
}

/** Whether a text that the pattern matches can begin with `kind/`: the part up to its first `/` fits the kind. */
function mayBegin(pattern: string, kind: string): boolean {
  const cut = pattern.indexOf('/')
  const first = cut < 0 ? pattern : pattern.slice(0, cut)
  // a star may reach over the slash, so only what stands before it counts
  if (first.includes('*')) return true
  return globMatches(globOf(wildParts(first)), kind)
}

export const fits = ({ kinds: possible }: Resource, action: PolicyAction): boolean => possible.includes(kindOf(action))
