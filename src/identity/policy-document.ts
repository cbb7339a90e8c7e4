import { actionsOf, kindOf, type PolicyAction, policyActions } from './policy-actions.ts'
import { type Condition, readConditions, usedBy } from './policy-conditions.ts'
import { policyFault, shownText } from './policy-fault.ts'
import { type JsonNode, placeOf, readJson } from './policy-json.ts'
import { fits, readResource, type Resource } from './policy-resource.ts'
import { variablesOf } from './policy-template.ts'

export const maxPolicyBytes = 8192

export interface PolicyStatement {
  sid?: string
  effect: 'Allow' | 'Deny'
  actions: readonly PolicyAction[]
  resources: readonly Resource[]
  conditions: readonly Condition[]
}

/** A policy that was read and found right; nothing in it is about one connection yet. */
export interface PolicyDocument {
  statements: readonly PolicyStatement[]
  /** Names of all variables and condition keys in it, without those of time: a connection with the same values gets the same verdicts. */
  variables: readonly string[]
}

const members: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement'])
const statementMembers: ReadonlySet<string> = new Set(['Sid', 'Effect', 'Action', 'Resource', 'Condition'])
const refusedMembers: Readonly<Record<string, string>> = {
  NotAction: 'list the actions in Action',
  NotResource: 'list the resources in Resource, or write a Deny',
  Principal: 'attach the policy to a device, group or certificate',
  NotPrincipal: 'attach the policy to a device, group or certificate',
}

/** Reads an AWS IoT policy document. POLICY_INVALID, its `position` the offset of what is wrong. */
export function readPolicy(text: string): PolicyDocument {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxPolicyBytes)
    throw policyFault(
      { text: '', at: 0, path: '' },
      `the document has ${bytes} bytes`,
      `at most ${maxPolicyBytes}; split it into several`,
    )
  const root = readJson(text)
  const found = membersOf(text, root, members, 'a policy')
  const version = found.get('Version')
  if (version && !(version.type === 'string' && version.value === '2012-10-17'))
    throw policyFault(placeOf(text, version), 'the Version is not known', 'it is "2012-10-17"')
  const list = found.get('Statement')
  if (!list) throw policyFault(placeOf(text, root), 'Statement is missing')
  const nodes = list.type === 'array' ? list.items : [list]
  if (!nodes.length) throw policyFault(placeOf(text, list), 'there is no statement in it')
  const statements = nodes.map(node => readStatement(text, node))
  return { statements, variables: [...new Set(statements.flatMap(variablesIn))] }
}

function membersOf(text: string, node: JsonNode, known: ReadonlySet<string>, what: string): Map<string, JsonNode> {
  if (node.type !== 'object') throw policyFault(placeOf(text, node), `${what} is an object`)
  for (const [name, { keyAt, value }] of node.members)
    if (!known.has(name)) {
      const hint = Object.hasOwn(refusedMembers, name) ? refusedMembers[name] : `known are ${[...known].join(', ')}`
      throw policyFault({ text, at: keyAt, path: value.path }, `${shownText(name)} is no member of ${what} here`, hint)
    }
  return new Map(Array.from(node.members, ([name, { value }]) => [name, value]))
}

function readStatement(text: string, node: JsonNode): PolicyStatement {
  const found = membersOf(text, node, statementMembers, 'a statement')
  const needed = (name: string): JsonNode => {
    const member = found.get(name)
    if (!member) throw policyFault(placeOf(text, node), `${name} is missing`)
    return member
  }
  const effect = needed('Effect')
  if (effect.type !== 'string' || (effect.value !== 'Allow' && effect.value !== 'Deny'))
    throw policyFault(placeOf(text, effect), 'the Effect is not known', 'it is Allow or Deny')
  const sid = found.get('Sid')
  if (sid && sid.type !== 'string') throw policyFault(placeOf(text, sid), 'Sid is a text')
  const { actions, hasForeign } = readActions(text, needed('Action'))
  const condition = found.get('Condition')
  return {
    ...(sid?.type === 'string' && { sid: sid.value }),
    effect: effect.value,
    actions,
    resources: readResources(text, needed('Resource'), actions, hasForeign),
    conditions: condition ? readConditions(text, condition) : [],
  }
}

function textsOf(text: string, node: JsonNode, name: string): (JsonNode & { type: 'string' })[] {
  const items = node.type === 'array' ? node.items : [node]
  if (!items.length) throw policyFault(placeOf(text, node), `${name} is empty`)
  return items.map(item => {
    if (item.type !== 'string') throw policyFault(placeOf(text, item), `${name} is a text or a list of texts`)
    return item
  })
}

function readActions(text: string, node: JsonNode): { actions: PolicyAction[]; hasForeign: boolean } {
  const actions = new Set<PolicyAction>()
  let hasForeign = false
  for (const item of textsOf(text, node, 'Action')) {
    const found = actionsOf(item.value)
    if (!found)
      throw policyFault(
        placeOf(text, item),
        `the action ${shownText(item.value)} is not known`,
        `known are iot: and one of ${policyActions.join(', ')}, and loom:ActFor`,
      )
    if (found === 'foreign') hasForeign = true
    else for (const action of found) actions.add(action)
  }
  return { actions: [...actions], hasForeign }
}

/** A resource that no action of the statement is about is a mistake that would grant nothing; with an action of another service in it we cannot tell. */
function readResources(text: string, node: JsonNode, actions: readonly PolicyAction[], hasForeign: boolean): Resource[] {
  const resources: Resource[] = []
  for (const item of textsOf(text, node, 'Resource')) {
    if (hasForeign && isForeign(item.value)) continue
    const resource = readResource(text, item)
    if (!hasForeign && !actions.some(action => fits(resource, action)))
      throw policyFault(placeOf(text, item), `the resource ${shownText(item.value)} is of the wrong kind`, kindsFor(actions))
    resources.push(resource)
  }
  return resources
}

const isForeign = (resource: string): boolean => /^arn:[^:/]*:(?!iot:)[^:/]+:/.test(resource)

const kindsFor = (actions: readonly PolicyAction[]): string =>
  actions
    .slice(0, 4)
    .map(action => `${action} is on ${kindOf(action)}/`)
    .join(', ')

const variablesIn = ({ resources, conditions }: PolicyStatement): string[] => [
  ...resources.flatMap(({ template }) => variablesOf(template)),
  ...conditions.flatMap(usedBy),
]
