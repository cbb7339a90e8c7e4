import { LoomError } from '../errors.ts'
import { overflowOf } from './rule-limits.ts'

/** An action of a topic rule, with the nodes that do the same here. */
export interface ImportedAction {
  /** AWS's name, as `sns`. */
  action: string
  /** Names of nodes, the best first; none for an action that is not known. */
  suggestion: readonly string[]
  /** What the file says about it. */
  settings: Readonly<Record<string, unknown>>
}

export interface ImportedTopicRule {
  rule: { name?: string; sql: string; enabled: boolean; description?: string; sqlVersion: string }
  outputs: ImportedAction[]
  errorAction?: ImportedAction
  /** Members and actions that mean nothing here, by their paths in the file; among them another `awsIotSqlVersion` than 2016-03-23, which the rule runs as. */
  unknown: string[]
}

/** Action of AWS IoT -> nodes for its output. */
const suggestions: Readonly<Record<string, readonly string[]>> = {
  cloudwatchAlarm: ['http request'],
  cloudwatchLogs: ['file', 'debug'],
  cloudwatchMetric: ['http request'],
  dynamoDB: ['loom-store'],
  dynamoDBv2: ['loom-store'],
  elasticsearch: ['http request'],
  firehose: ['batch', 'loom-store'],
  http: ['loom-action', 'http request'],
  iotAnalytics: ['loom-store'],
  iotEvents: ['loom-window', 'switch'],
  iotSiteWise: ['loom-store'],
  kafka: ['mqtt out'],
  kinesis: ['mqtt out'],
  lambda: ['link call', 'function'],
  location: ['loom-store'],
  openSearch: ['http request'],
  republish: ['loom-action', 'mqtt out'],
  s3: ['file', 'loom-store'],
  salesforce: ['http request'],
  sns: ['e-mail', 'http request'],
  sqs: ['mqtt out'],
  stepFunctions: ['link call', 'subflow'],
  timestream: ['loom-store'],
}

const ruleMembers = new Set(['sql', 'description', 'ruleDisabled', 'awsIotSqlVersion', 'actions', 'errorAction'])
/** As large as a topic rule of AWS may be. */
const mostBytes = 262_144
const mostLevels = 64
/** The version that rules have here, whatever theirs was. */
const version = '2016-03-23'
/** What `get-topic-rule` and `create-topic-rule` put beside; of no use here. */
const passedOver = new Set(['ruleName', 'createdAt', 'ruleArn', 'tags'])

/**
 * A topic rule of AWS IoT: the payload of `create-topic-rule`, bare or wrapped as `{topicRulePayload}` or, from `get-topic-rule`, as `{rule}`; text or parsed. The SQL is not
 * compiled. REQUEST_INVALID if it is no topic rule.
 */
export function importTopicRule(json: unknown): ImportedTopicRule {
  const given = typeof json === 'string' ? parsed(json) : json
  if (isDeeper(given, mostLevels))
    throw new LoomError('REQUEST_INVALID', `the topic rule is nested deeper than ${mostLevels} levels`)
  if (!isRecord(given)) throw new LoomError('REQUEST_INVALID', 'a topic rule is a JSON object')
  const wrapper = ['topicRulePayload', 'rule'].find(name => isRecord(given[name]))
  const payload = (wrapper ? given[wrapper] : given) as Record<string, unknown>
  const { sql, description, ruleDisabled = false, awsIotSqlVersion = version, actions = [], errorAction } = payload
  if (typeof sql !== 'string' || !sql.trim())
    throw new LoomError('REQUEST_INVALID', 'the topic rule has no sql', { position: 'sql' })
  if (typeof awsIotSqlVersion !== 'string')
    throw new LoomError('REQUEST_INVALID', 'awsIotSqlVersion of a topic rule is a text', { position: 'awsIotSqlVersion' })
  if (!Array.isArray(actions))
    throw new LoomError('REQUEST_INVALID', 'actions of a topic rule are a list', { position: 'actions' })
  const unknown = [
    ...(wrapper ? Object.keys(given).filter(key => key !== wrapper && !passedOver.has(key)) : []),
    ...Object.keys(payload).filter(key => !ruleMembers.has(key) && !passedOver.has(key)),
    ...(awsIotSqlVersion === version ? [] : ['awsIotSqlVersion']),
  ]
  const outputs = actions.flatMap((action: unknown, i) => actionOf(action, `actions[${i}]`, unknown))
  const [failure] = errorAction === undefined ? [] : actionOf(errorAction, 'errorAction', unknown)
  const name = given.ruleName ?? payload.ruleName
  return {
    rule: {
      ...(typeof name === 'string' && { name }),
      sql,
      enabled: ruleDisabled !== true,
      ...(typeof description === 'string' && description && { description }),
      sqlVersion: awsIotSqlVersion,
    },
    outputs,
    ...(failure && { errorAction: failure }),
    unknown,
  }
}

function parsed(text: string): unknown {
  if (overflowOf(text, mostBytes) >= 0) throw new LoomError('REQUEST_INVALID', `the topic rule is larger than ${mostBytes} bytes`)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LoomError('REQUEST_INVALID', 'the topic rule is no JSON', { cause })
  }
}

/** `{sns: {targetArn, ..}}`; each member is an action. */
function actionOf(action: unknown, path: string, unknown: string[]): ImportedAction[] {
  if (!isRecord(action)) {
    unknown.push(path)
    return []
  }
  return Object.entries(action).map(([name, settings]) => {
    const suggestion = Object.hasOwn(suggestions, name) ? suggestions[name]! : []
    if (suggestion.length === 0) unknown.push(`${path}.${name}`)
    return { action: name, suggestion, settings: isRecord(settings) ? settings : {} }
  })
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some(item => isDeeper(item, levels - 1)))

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
