import { timeOfText } from '../../telemetry/time.ts'
import { decodeBag, isHubsOwn } from '../bag.ts'

/** Only these are system properties; any other key is the application's, even one that begins with `$.`. */
const systemKeys: ReadonlySet<string> = new Set([
  '$.mid',
  '$.cid',
  '$.uid',
  '$.to',
  '$.ct',
  '$.ce',
  '$.exp',
  '$.sub',
  '$.ifid',
  '$.on',
])

/** Keys are decoded before they are told apart: some clients send `%24.mid`, some `$.mid`. */
export function propertiesOf(bag: string): { properties: Record<string, string>; system: Record<string, string> } {
  const properties: [string, string][] = []
  const system: [string, string][] = []
  for (const pair of decodeBag(bag)) if (!isHubsOwn(pair[0])) (systemKeys.has(pair[0]) ? system : properties).push(pair)
  // fromEntries defines own members, so a key `__proto__` stays a key
  return { properties: Object.fromEntries(properties), system: Object.fromEntries(system) }
}

/** The envelope's members that the properties say. */
export function headersOf({ properties, system }: ReturnType<typeof propertiesOf>) {
  const contentType = system['$.ct']
  const contentEncoding = system['$.ce']
  const messageId = system['$.mid']
  const correlationId = system['$.cid']
  const created = properties['iothub-creation-time-utc']
  const time = created === undefined ? undefined : timeOfText(created)
  return {
    stream: properties.stream || system['$.sub'] || '',
    ...(contentType && { contentType }),
    ...(contentEncoding && { contentEncoding }),
    ...(messageId && { messageId }),
    ...(correlationId && { correlationId }),
    ...(time !== undefined && { time }),
  }
}
