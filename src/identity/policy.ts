import { LoomError } from '../errors.ts'

export type TopicAction = 'publish' | 'subscribe' | 'receive'
export type PolicyAction = 'Connect' | 'Publish' | 'Subscribe' | 'Receive' | 'RetainPublish'

export interface Statement {
  Sid?: string
  Effect: 'Allow' | 'Deny'
  /** `iot:Publish`, `Publish` or `*` */
  Action: string | readonly string[]
  /** `topic/..`, `topicfilter/..`, `client/..`, with or without an ARN before it; text with `${variables}`, at its end perhaps `*` */
  Resource: string | readonly string[]
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
const me = '${device.id}'

/** What a device may do with topics that no dialect reserves: send what it measures, hear what it is told. */
export const defaultStatements: readonly Statement[] = [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: `client/${me}` },
  { Effect: 'Allow', Action: 'iot:Publish', Resource: `topic/dt/${me}/*` },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `topicfilter/cmd/${me}/*` },
  { Effect: 'Allow', Action: 'iot:Receive', Resource: `topic/cmd/${me}/*` },
]

const ordinaryTree: Readonly<Record<TopicAction, string>> = { publish: 'dt/', subscribe: 'cmd/', receive: 'cmd/' }

/** The default policy for an ordinary topic or filter, on the hot path: the same verdict as `defaultStatements`, which a test compares. */
export function decideTopic(o: { action: TopicAction; topic: string; deviceId: string }): boolean {
  const { action, topic, deviceId } = o
  if (refusedAlways(action, topic)) return false
  const tree = ordinaryTree[action]
  const end = tree.length + deviceId.length
  return (
    deviceId !== '' &&
    topic.startsWith(tree) &&
    topic.startsWith(deviceId, tree.length) &&
    topic[end] === '/' &&
    topic.length > end + 1
  )
}

/** What no policy can grant: the broker's own trees, shared subscriptions, wildcards where the device should be named, wildcards in a topic name. */
export function refusedAlways(action: TopicAction, topic: string): boolean {
  if (topic === '' || topic.startsWith('$') || topic.includes('\0')) return true
  const wildcard = topic.search(/[#+]/)
  if (wildcard < 0) return false
  if (action !== 'subscribe') return true
  const second = topic.indexOf('/', topic.indexOf('/') + 1)
  return second < 0 || wildcard < second
}

/** `deny` outranks every `allow`; `none`: no statement speaks of it, which means no. */
export type Verdict = 'allow' | 'deny' | 'none'
export type Decide = (action: PolicyAction, resource: string) => Verdict

interface Patterns {
  exact: Set<string>
  prefixes: string[]
}

const actions: readonly PolicyAction[] = ['Connect', 'Publish', 'Subscribe', 'Receive', 'RetainPublish']

/**
 * Statements for one connection, its variables filled in. A pattern is literal text that may end in `*`, which stands for anything, `/` included; `+` and `#` are
 * ordinary characters, so a filter is compared as text. A variable without value, or whose value holds `* ? + # /`, never lets an Allow match; in a Deny it
 * matches anything. POLICY_INVALID.
 */
export function compilePolicy(statements: readonly Statement[], variables: Readonly<Record<string, string | undefined>>): Decide {
  const compiled = { Allow: tableOf(), Deny: tableOf() }
  for (const { Effect, Action, Resource } of statements) {
    const table = compiled[Effect]
    if (!table)
      throw new LoomError('POLICY_INVALID', `Effect ${JSON.stringify(Effect)?.slice(0, 40)}`, { hint: 'it is Allow or Deny' })
    const patterns = listOf(Resource).flatMap(resource => patternOf(resource, Effect, variables))
    for (const action of listOf(Action).flatMap(actionsOf))
      for (const { text, prefix } of patterns) {
        if (prefix) table[action].prefixes.push(text)
        else table[action].exact.add(text)
      }
  }
  return (action, resource) =>
    matches(compiled.Deny[action], resource) ? 'deny' : matches(compiled.Allow[action], resource) ? 'allow' : 'none'
}

const tableOf = () =>
  Object.fromEntries(actions.map(action => [action, { exact: new Set(), prefixes: [] }])) as unknown as Record<
    PolicyAction,
    Patterns
  >

const matches = ({ exact, prefixes }: Patterns, resource: string) =>
  exact.has(resource) || prefixes.some(prefix => resource.startsWith(prefix))

const listOf = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value)

function actionsOf(text: string): readonly PolicyAction[] {
  const name = text.replace(/^iot:/, '')
  if (name === '*') return actions
  const known = actions.filter(action => action === name)
  if (known.length === 0)
    throw new LoomError('POLICY_INVALID', `Action "${text.slice(0, 60)}"`, { hint: `known are ${actions.join(', ')}` })
  return known
}

const aliases: Readonly<Record<string, string>> = { 'iot:Connection.Thing.ThingName': 'device.id' }

function patternOf(
  resource: string,
  effect: Statement['Effect'],
  variables: Readonly<Record<string, string | undefined>>,
): { text: string; prefix: boolean }[] {
  const plain = resource.replace(/^arn:[^:]*:iot:[^:]*:[^:]*:/, '')
  const open = plain.endsWith('*')
  const parts = (open ? plain.slice(0, -1) : plain).split(/\$\{([^}]*)\}/)
  let text = ''
  for (const [at, part] of parts.entries()) {
    const isVariable = at % 2 === 1
    const value = isVariable ? variables[aliases[part] ?? part] : part
    if (!isVariable && /[*?]/.test(part))
      throw new LoomError('POLICY_INVALID', `Resource "${resource.slice(0, 80)}"`, {
        hint: '* is allowed at the end only, ? not at all',
      })
    if (isVariable && (!value || /[*?+#/]/.test(value))) return effect === 'Allow' ? [] : [{ text, prefix: true }]
    text += value
  }
  return [{ text, prefix: open }]
}
