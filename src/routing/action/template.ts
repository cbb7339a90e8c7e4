// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what a person may write
import { LoomError } from '../../errors.ts'
import type { RuleMessage } from '../message.ts'
import type { Republish, Webhook } from './action.ts'
import { compileText, type TextOptions } from './text-template.ts'

export interface NamedTemplate {
  name: string
  value: string
}

/** The fields of a webhook; all but method and names are templates. */
export interface WebhookTemplate {
  url: string
  method: string
  headers: readonly NamedTemplate[]
  /** '' sends the payload as it is. */
  body: string
}

/** The fields of a republish; topic, body and the values of properties are templates. */
export interface RepublishTemplate {
  topic: string
  qos: 0 | 1
  properties: readonly NamedTemplate[]
  body: string
}

const methods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'GET', 'DELETE'])
const bodiless: ReadonlySet<string> = new Set(['GET', 'DELETE'])
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/i
/** Scheme and host stand in the text itself, so that no message can say where a request goes. */
const fixedHost = /^https?:\/\/[^\s/?#$@{}\\]+(?=[/?#]|$)/i
const utf8 = new TextEncoder()

/** Throws NODE_CONFIG, or the errors of a template; the function throws ROUTE_TEMPLATE. */
export function compileWebhook(
  { url, method, headers, body }: WebhookTemplate,
  options: TextOptions = {},
): (message: RuleMessage) => Omit<Webhook, 'secret'> {
  if (!methods.has(method))
    throw new LoomError('NODE_CONFIG', `method ${method.slice(0, 20)}`, { hint: 'POST, PUT, PATCH, GET or DELETE' })
  const urlOf = compileUrl(url, options)
  const headersOf = compileNamed(headers, options, name => headerName.test(name))
  const bodyOf = body ? compileText(body, options) : undefined
  return message => {
    const given = headersOf(message)
    for (const [name, value] of Object.entries(given))
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value))
        throw new LoomError('ROUTE_TEMPLATE', `header ${name} would have characters that no header takes`)
    return {
      kind: 'webhook',
      url: urlOf(message),
      method,
      headers: given,
      ...(bodiless.has(method) ? { body: null } : bodyOf && { body: utf8.encode(bodyOf(message)) }),
    }
  }
}

/** The same errors as those of `compileWebhook`. */
export function compileRepublish(
  { topic, qos, properties, body }: RepublishTemplate,
  options: TextOptions = {},
): (message: RuleMessage) => Omit<Republish, 'hops'> {
  if (!topic.trim()) throw new LoomError('NODE_CONFIG', 'no topic', { hint: 'such as alarms/${topic(2)}' })
  const topicOf = compileText(topic.trim(), options, { topic: true })
  const propertiesOf = compileNamed(properties, options, name => name.length > 0)
  const bodyOf = body ? compileText(body, options) : undefined
  return message => ({
    kind: 'republish',
    topic: topicOf(message),
    qos,
    properties: propertiesOf(message),
    ...(bodyOf && { body: utf8.encode(bodyOf(message)) }),
  })
}

/** What a message says is encoded, so that it cannot lead to another path of that host; secrets are taken as they are. */
function compileUrl(url: string, options: TextOptions): (message: RuleMessage) => string {
  const text = url.trim()
  const [host] = fixedHost.exec(text) ?? []
  if (host === undefined || !URL.canParse(host))
    throw new LoomError('NODE_CONFIG', 'the address does not begin with a scheme and a host', {
      hint: 'such as https://example.com/things/${clientid()}',
    })
  const rest = compileText(text.slice(host.length), options, { encode: encoded })
  return message => host + rest(message)
}

function encoded(value: string): string {
  // An address drops such a part and the one before it, encoded or not.
  if (/^\.{1,2}$/.test(value)) throw new LoomError('ROUTE_TEMPLATE', `"${value}" as a part of an address`)
  return encodeURIComponent(value)
}

function compileNamed(
  list: readonly NamedTemplate[],
  options: TextOptions,
  valid: (name: string) => boolean,
): (message: RuleMessage) => Record<string, string> {
  const compiled = list
    .filter(({ name, value }) => name.trim() || value)
    .map(({ name, value }) => {
      if (!valid(name.trim())) throw new LoomError('NODE_CONFIG', `the name "${name.slice(0, 60)}"`)
      return [name.trim(), compileText(value, options)] as const
    })
  return message => Object.fromEntries(compiled.map(([name, of]) => [name, of(message)]))
}
