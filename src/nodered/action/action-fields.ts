import { LoomError } from '../../errors.ts'
import { actionLimits, type Republish, type Webhook } from '../../routing/action/action.ts'
import { compileRepublish, compileWebhook, type NamedTemplate } from '../../routing/action/template.ts'
import type { TextOptions } from '../../routing/action/text-template.ts'
import type { RuleMessage } from '../../routing/message.ts'

/** The fields of an action node. */
export interface ActionFields {
  hub?: string
  kind: 'webhook' | 'republish'
  url: string
  method: string
  headers: NamedTemplate[]
  auth: 'none' | 'bearer' | 'basic' | 'header'
  /** user of `basic`, name of the header of `header` */
  authName: string
  topic: string
  qos: number | string
  properties: NamedTemplate[]
  /** template; empty: the payload */
  body: string
  /** one action for each message, or for each reading of a batch */
  each: 'message' | 'reading'
  tries: number | string
  timeoutS: number | string
}

export interface ActionSecrets {
  secret?: string
}

export interface CompiledAction {
  /** Of one message. ROUTE_TEMPLATE. */
  make(message: RuleMessage): Omit<Webhook, 'secret'> | Omit<Republish, 'hops'>
  secret?: Record<string, string>
  tries: number
  timeoutMs: number
}

/** NODE_CONFIG, and the errors of templates. */
export function compileAction(
  fields: ActionFields,
  { secret: given = '' }: ActionSecrets,
  ports: TextOptions['ports'] & object,
): CompiledAction {
  const options: TextOptions = { ports, secretOf: id => (id === 'secret' ? given : undefined) }
  const { kind, url, method, headers, topic, properties, body } = fields
  const secret = kind === 'webhook' ? secretHeader(fields, given) : undefined
  return {
    make:
      kind === 'republish'
        ? compileRepublish({ topic, qos: Number(fields.qos) === 1 ? 1 : 0, properties, body }, options)
        : compileWebhook({ url, method, headers, body }, options),
    ...(secret && { secret }),
    tries: whole('tries', fields.tries, actionLimits.mostTries),
    timeoutMs: whole('timeout', fields.timeoutS, actionLimits.mostTimeoutMs / 1000) * 1000,
  }
}

function secretHeader({ auth, authName }: ActionFields, secret: string): Record<string, string> | undefined {
  if (auth === 'none') return undefined
  if (!secret) throw new LoomError('NODE_CONFIG', 'no secret', { hint: 'give it, or choose an endpoint without authentication' })
  if (auth === 'bearer') return { authorization: `Bearer ${secret}` }
  if (auth === 'basic') return { authorization: `Basic ${Buffer.from(`${authName}:${secret}`).toString('base64')}` }
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/i.test(authName.trim()))
    throw new LoomError('NODE_CONFIG', `header "${authName.slice(0, 60)}"`, { hint: 'the name of a header, such as x-api-key' })
  return { [authName.trim().toLowerCase()]: secret }
}

function whole(name: string, value: number | string, most: number): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new LoomError('NODE_CONFIG', `${name} ${String(value).slice(0, 20)}`, { hint: `a whole number from 1 to ${most}` })
  return number
}
