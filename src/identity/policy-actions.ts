import { globMatches, globOf, wildParts } from './policy-glob.ts'

/** What a statement can speak of, and the kind of resource it is about. */
const resourceKinds = {
  Connect: 'client',
  Publish: 'topic',
  Receive: 'topic',
  RetainPublish: 'topic',
  Subscribe: 'topicfilter',
  /** ours: a gateway that speaks for a device behind it */
  ActFor: 'device',
  // Those of AWS that are no MQTT packets: known, so that documents made for AWS are taken as they are, and asked by HTTP.
  GetRetainedMessage: 'topic',
  ListRetainedMessages: 'topic',
  DeleteConnection: 'client',
  GetThingShadow: 'thing',
  UpdateThingShadow: 'thing',
  DeleteThingShadow: 'thing',
  ListNamedShadowsForThing: 'thing',
  DescribeJobExecution: 'thing',
  GetPendingJobExecutions: 'thing',
  StartNextPendingJobExecution: 'thing',
  UpdateJobExecution: 'thing',
  AssumeRoleWithCertificate: 'rolealias',
} as const

export type PolicyAction = keyof typeof resourceKinds
export type ResourceKind = (typeof resourceKinds)[PolicyAction]

export const policyActions = Object.keys(resourceKinds) as PolicyAction[]
export const kindOf = (action: PolicyAction): ResourceKind => resourceKinds[action]
export const kinds: readonly ResourceKind[] = [...new Set(Object.values(resourceKinds))]

/** Services whose actions a device's policy may name beside ours; they have no meaning here. */
const foreign = /^greengrass:[A-Za-z*?]+$/

/**
 * The actions that a text such as `iot:Publish`, `Publish`, `loom:ActFor`, `iot:Get*` or `*` names; `foreign`: one of another service, without effect; undefined:
 * nothing that is known.
 */
export function actionsOf(text: string): readonly PolicyAction[] | 'foreign' | undefined {
  if (foreign.test(text)) return 'foreign'
  const [, service, name] = /^(?:(iot|loom):)?([A-Za-z*?]+)$/.exec(text) ?? []
  if (name === undefined) return undefined
  const pattern = globOf(wildParts(name.toLowerCase()))
  const found = policyActions.filter(
    action => globMatches(pattern, action.toLowerCase()) && (!service || (service === 'loom') === (action === 'ActFor')),
  )
  return found.length ? found : undefined
}
