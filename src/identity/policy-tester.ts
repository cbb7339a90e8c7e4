import { LoomError } from '../errors.ts'
import { actionsOf, kindOf, type PolicyAction } from './policy-actions.ts'
import { conditionsFor } from './policy-conditions.ts'
import type { PolicyDocument, PolicyStatement } from './policy-document.ts'
import { matchesOne } from './policy-patterns.ts'
import { fits } from './policy-resource.ts'
import type { Verdict } from './policy-rules.ts'
import { filledIn, patternOf } from './policy-template.ts'
import { type AccessContext, type Resolve, resolverOf, type VariableValue } from './policy-variables.ts'

export interface PolicyUnderTest {
  id: string
  document: PolicyDocument
}

/** Somebody to ask about: what is known of the connection, and the policies that count for it. */
export interface PolicyPrincipal {
  context: AccessContext
  policies: readonly PolicyUnderTest[]
}

/** What is asked: `topic` is a filter for `Subscribe`; for `Connect` it is `clientId`. */
export interface PolicyQuestion {
  /** `iot:Publish` or `Publish` */
  action: string
  topic?: string
  clientId?: string
}

export interface PolicyAnswer {
  verdict: Verdict
  /** The statement that settled it: the first Deny that matches, else the first Allow; none if nothing speaks of it. */
  statement?: { policyId: string; index: number; sid?: string }
  /** Of all variables in the policies; null: it does not resolve. */
  variables: Record<string, VariableValue | null>
}

/** How policies answer one question, statement by statement. `now`: epoch ms, for conditions on the time. REQUEST_INVALID. */
export function testPolicy(o: { principal: PolicyPrincipal; now: number } & PolicyQuestion): PolicyAnswer {
  const { principal, now } = o
  const { action, name } = readQuestion(o)
  const resolve = resolverOf(principal.context)
  const { verdict, statement } = decide({ policies: principal.policies, resolve, action, name, now })
  const names = [...new Set(principal.policies.flatMap(({ document }) => document.variables))]
  const variables = Object.fromEntries(names.map(variable => [variable, resolve(variable) ?? null]))
  return { verdict, ...(statement && { statement }), variables }
}

function readQuestion({ action: text, topic, clientId }: PolicyQuestion): { action: PolicyAction; name: string } {
  const found = /[*?]/.test(String(text)) ? undefined : actionsOf(String(text))
  const action = found && found !== 'foreign' ? found[0] : undefined
  if (!action)
    throw new LoomError('REQUEST_INVALID', `action ${JSON.stringify(String(text).slice(0, 80))}`, {
      hint: 'name one, as iot:Publish',
    })
  const asks = kindOf(action) === 'client'
  const name = asks ? clientId : topic
  if (asks && topic !== undefined)
    throw new LoomError('REQUEST_INVALID', `${action} has no topic`, { hint: 'it is asked about a clientId' })
  if (typeof name !== 'string')
    throw new LoomError('REQUEST_INVALID', `${action} is asked about a ${asks ? 'clientId' : 'topic'}`)
  return { action, name }
}

function decide(o: { policies: readonly PolicyUnderTest[]; resolve: Resolve; action: PolicyAction; name: string; now: number }) {
  const matching = (effect: 'Allow' | 'Deny'): PolicyAnswer['statement'] => {
    for (const { id, document } of o.policies)
      for (const [index, statement] of document.statements.entries())
        if (statement.effect === effect && speaksOf(statement, o))
          return { policyId: id, index, ...(statement.sid !== undefined && { sid: statement.sid }) }
    return undefined
  }
  const denied = matching('Deny')
  const statement = denied ?? matching('Allow')
  const verdict: Verdict = denied ? 'deny' : statement ? 'allow' : 'none'
  return { verdict, statement }
}

function speaksOf(
  { effect, actions, resources, conditions }: PolicyStatement,
  { resolve, action, name, now }: { resolve: Resolve; action: PolicyAction; name: string; now: number },
): boolean {
  if (!actions.includes(action)) return false
  const matches = resources.some(resource => {
    const parts = fits(resource, action) && filledIn(resource.template, resolve, effect)
    return parts && matchesOne(patternOf(parts), resource.whole ? `${kindOf(action)}/${name}` : name)
  })
  if (!matches) return false
  const holds = conditionsFor(conditions, resolve, effect)
  return typeof holds === 'boolean' ? holds : holds(now)
}

/**
 * Who is allowed something, by policies alone. Looks at no more than `most` principals and finds no more than `limit`; `last` is the id of the last one looked at,
 * to go on behind it, and absent at the end.
 */
export async function whoMay(
  o: {
    principals: AsyncIterable<{ id: string } & PolicyPrincipal> | Iterable<{ id: string } & PolicyPrincipal>
    now: number
    /** default 100 */
    limit?: number
    /** default 10,000 */
    most?: number
  } & PolicyQuestion,
): Promise<{ items: { id: string; statement: NonNullable<PolicyAnswer['statement']> }[]; looked: number; last?: string }> {
  const { principals, now, limit = 100, most = 10_000 } = o
  const { action, name } = readQuestion(o)
  const items: { id: string; statement: NonNullable<PolicyAnswer['statement']> }[] = []
  let looked = 0
  for await (const { id, context, policies } of principals) {
    looked++
    const { verdict, statement } = decide({ policies, resolve: resolverOf(context), action, name, now })
    if (verdict === 'allow' && statement) items.push({ id, statement })
    if (items.length >= limit || looked >= most) return { items, looked, last: id }
  }
  return { items, looked }
}
