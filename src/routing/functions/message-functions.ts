import { base64Of } from '../base64.ts'
import type { RuleMessage } from '../message.ts'
import type { CallContext, RuleFunction } from '../rule-function.ts'
import { ruleFunction } from './define.ts'

export const messageFunctions: readonly RuleFunction[] = [
  ruleFunction('timestamp', [], (_, context) => arrivalOf(context)),
  ruleFunction('topic', ['I?'], ([level], { message: { topic } }) =>
    level === undefined || topic === undefined ? topic : topic.split('/')[level - 1],
  ),
  ruleFunction('clientid', [], (_, { message: { clientId, source = 'mqtt' } }) =>
    clientId === undefined || source !== 'mqtt' ? 'n/a' : clientId,
  ),
  ruleFunction('principal', [], (_, { message }) => message.principal),
  ruleFunction('sourceip', [], (_, { message }) => message.sourceIp),
  ruleFunction('traceid', [], (_, { message }) => message.traceId),
  ruleFunction('accountid', [], (_, { message }) => message.accountId),
  ruleFunction('sql_version', [], () => '2016-03-23'),
  ruleFunction('newuuid', [], (_, { ports }) => ports.uuid(), { stable: false }),
  ruleFunction('get_mqtt_property', ['S'], ([name], { message: { mqtt = {} } }) => mqttProperty(mqtt, name)),
  ruleFunction('get_user_properties', ['S?'], ([name], { message: { properties } }) =>
    name === undefined ? allProperties(properties) : propertiesOf(properties, name),
  ),
]

/** The times of messages that came without one, so that all calls for a message agree. */
const arrivals = new WeakMap<RuleMessage, number>()

function arrivalOf({ message, ports }: CallContext): number {
  if (message.timestamp !== undefined) return message.timestamp
  const known = arrivals.get(message)
  if (known !== undefined) return known
  const now = ports.now()
  arrivals.set(message, now)
  return now
}

type MqttProperties = NonNullable<RuleMessage['mqtt']>

/** Names count without case and underscores: `content_type` is `contentType`. */
function mqttProperty(mqtt: MqttProperties, name: string): string | undefined {
  switch (name.replaceAll('_', '').toLowerCase()) {
    case 'contenttype':
      return mqtt.contentType
    case 'formatindicator':
      return mqtt.formatIndicator
    case 'responsetopic':
      return mqtt.responseTopic
    case 'correlationdata':
      return mqtt.correlationData && base64Of(mqtt.correlationData)
    default:
      return undefined
  }
}

type Properties = RuleMessage['properties']

function propertiesOf(properties: Properties, name: string): readonly string[] | undefined {
  if (!properties || !Object.hasOwn(properties, name)) return undefined
  const value = properties[name]!
  return typeof value === 'string' ? [value] : [...value]
}

/** One object for each value, as a name may stand several times. */
function allProperties(properties: Properties = {}): Record<string, string>[] {
  return Object.keys(properties).flatMap(name =>
    (propertiesOf(properties, name) ?? []).map(value => Object.fromEntries([[name, value]])),
  )
}
