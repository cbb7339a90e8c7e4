import { actionsOf, kindOf, type PolicyAction, policyActions } from '../identity/policy-actions.ts'

/** What the admin API tells of policies. */
export interface Policy {
  id: string
  text: string
  description?: string
  updatedAt: number
  etag: string
}
export interface Target {
  hub?: true
  group?: string
  device?: string
  certificate?: string
}
export interface StatementPlace {
  policyId: string
  index: number
  sid?: string
}
export interface Answer {
  verdict: 'allow' | 'deny' | 'none'
  statement?: StatementPlace
  variables: Record<string, string | string[] | null>
}
export interface Page<T> {
  items: T[]
  next?: string
}

/** A text of the catalogue by its key, with values for its `__name__`. */
export type Words = (key: string, values?: Record<string, string | number>) => string

const withoutEffect: readonly PolicyAction[] = [
  'GetRetainedMessage',
  'ListRetainedMessages',
  'DeleteConnection',
  'AssumeRoleWithCertificate',
]

/** Actions to ask about, as policies write them. */
export const askable: readonly string[] = policyActions
  .filter(action => !withoutEffect.includes(action))
  .map(action => `${action === 'ActFor' ? 'loom' : 'iot'}:${action}`)

/** What an action is about; names the input for it. */
export function aboutOf(action: string): ReturnType<typeof kindOf> {
  const found = actionsOf(action)
  return found && found !== 'foreign' ? kindOf(found[0]!) : 'topic'
}

export interface Question {
  device: string
  action: string
  /** topic, filter, thing, or the client id of a CONNECT */
  about: string
  sourceIp: string
  domainName: string
  /** a document instead of the device's policies */
  text?: string
}

/** The body of a question to the tester; what is empty is not asked. */
export function questionOf({ device, action, about, sourceIp, domainName, text }: Question): Record<string, string> {
  const named = aboutOf(action) === 'client' ? { clientId: about } : { topic: about }
  const body = { device, action, ...named, sourceIp, domainName }
  const asked = Object.entries(body).map(([name, value]) => [name, value.trim()] as const)
  const needed = (name: string): boolean => name === 'topic'
  return {
    ...Object.fromEntries(asked.filter(([name, value]) => value || needed(name))),
    ...(text !== undefined && { text }),
  }
}

/** The statement as it stands in the document, or nothing where it cannot be found any more. */
export function statementText(text: string | undefined, index: number): string | undefined {
  try {
    const { Statement } = JSON.parse(text ?? '') as { Statement?: unknown }
    const found = (Array.isArray(Statement) ? Statement : [Statement])[index]
    return found === undefined ? undefined : JSON.stringify(found, null, 2)
  } catch {
    return undefined
  }
}

/** `default, statement 2 (OwnTopics)` */
export function statementName({ policyId, index, sid }: StatementPlace, words: Words): string {
  const policy = policyId === 'given' ? words('givenDocument') : policyId
  const name = words('statement', { policy, number: index + 1 })
  return sid ? `${name} (${sid})` : name
}

/** One line a variable, by name; `value` is absent where it has none. */
export const variableRows = (variables: Answer['variables']): { name: string; value?: string }[] =>
  Object.entries(variables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === null ? { name } : { name, value: Array.isArray(value) ? value.join(', ') : value }))

export const targetKinds = ['hub', 'group', 'device', 'certificate'] as const
export type TargetKind = (typeof targetKinds)[number]

export const kindOfTarget = (target: Target): TargetKind => targetKinds.find(kind => target[kind] !== undefined) ?? 'hub'

/** The body that names a target; undefined while its id is missing. */
export function targetOf(kind: TargetKind, id: string): Target | undefined {
  if (kind === 'hub') return { hub: true }
  const trimmed = id.trim()
  if (!trimmed) return undefined
  // Fingerprints are often shown in capitals with colons between the bytes.
  return { [kind]: kind === 'certificate' ? trimmed.replaceAll(':', '').toLowerCase() : trimmed }
}

/** The same as a query, where the hub itself is asked for by `all`. */
export const targetQuery = ({ hub, ...others }: Target): Record<string, string | boolean> =>
  hub ? { all: true } : { ...(others as Record<string, string>) }

export function targetText(target: Target, words: Words): string {
  const kind = kindOfTarget(target)
  return kind === 'hub' ? words('target.hub') : `${words(`target.${kind}`)} ${target[kind]}`
}

const namedMost = 2

/** What a policy is attached to in one line: the first by name, the others counted. */
export function attachedText({ items, next }: Page<Target>, words: Words): string {
  if (!items.length) return words('attachedToNothing')
  const sorted = items.toSorted((a, b) => targetKinds.indexOf(kindOfTarget(a)) - targetKinds.indexOf(kindOfTarget(b)))
  const named = sorted.slice(0, namedMost).map(target => targetText(target, words))
  const others = sorted.length - named.length
  if (!others && next === undefined) return named.join(', ')
  const count = next === undefined ? String(others) : `${others}+`
  return `${named.join(', ')} ${words('andMore', { count })}`
}

/** What a new policy begins with. */
export const newDocument = JSON.stringify(
  {
    Version: '2012-10-17',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    Statement: [{ Effect: 'Allow', Action: ['iot:Publish'], Resource: ['topic/plant/${device.id}/*'] }],
  },
  null,
  2,
)
