import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const count = (n: number): string => n.toLocaleString('en-US')
const kib = (n: number): string => `${n / 1024} KiB`
const mib = (n: number): string => `${n / 1024 ** 2} MiB`
const seconds = (n: number): string => `${n / 1000} s`
const minutes = (n: number): string => `${n / 60_000} min`
const hours = (n: number): string => `${n / 3_600_000} h`
const days = (n: number): string => `${n / 86_400_000} days`

/** Start of a row -> where its numbers stand in the code and how the row shows them. */
const rows: Record<string, [file: string, name: string, shown?: (n: number) => string][]> = {
  'credentials of a device': [['identity/credential-list', 'maxCredentials']],
  'bearer token as a password': [['identity/token-verifier', 'maxTokenChars']],
  'token services': [['identity/issuers', 'mostIssuers']],
  "keys read of a token service's list": [['hub/jwt-verifier', 'mostKeys']],
  'list of such keys': [
    ['hub/fetch-json', 'maxBytes'],
    ['hub/fetch-json', 'timeoutMs', seconds],
    ['hub/jwt-verifier', 'freshMs', minutes],
    ['hub/jwt-verifier', 'retryMs', minutes],
  ],
  'overlap of a rotation': [
    ['identity/rotation', 'defaultOverlapMs', days],
    ['nodered/admin/credential-routes', 'yearMs', days],
  ],
  'replacement that is not used': [['identity/rotation', 'unusedMs', days]],
  'wrong tries remembered': [['identity/guess-guard', 'maxTracked']],
  'wrong tries before answers': [
    ['identity/guess-guard', 'free'],
    ['identity/guess-guard', 'delayMs', seconds],
  ],
  'policy document': [['identity/policy-document', 'maxPolicyBytes']],
  'policies of a device': [['identity/policy-store', 'maxPoliciesPerTarget']],
  'verdicts remembered': [
    ['identity/policy-remembered', 'most'],
    ['identity/policy-remembered', 'longestName'],
  ],
  'messages on their way': [['hub/inbox-wire', 'window']],
  'requests that wait for a message': [['hub/inbox-http', 'maxWaiting']],
  'life of a wake-up token': [['hub/open-commands', 'wakeTokenMs', minutes]],
  'devices of one command': [['hub/group-commands', 'mostDevices']],
  'named twins': [['twin/profiles', 'namedTwins']],
  'names kept of what is desired no more': [['twin/gone', 'goneBytes']],
  'requests of twins': [['hub/twin-wire', 'inFlightPerConnection']],
  'groups |': [['topology/group-tree', 'maxGroups']],
  '[fleet configurations]': [['twin/configuration/configuration', 'maxConfigurations']],
  'values of a configuration': [['twin/configuration/configuration', 'maxPaths']],
  'groups below one another': [['topology/group', 'maxGroupDepth']],
  'groups of a device': [['topology/groups', 'maxGroupsPerDevice']],
  'devices put into': [['topology/groups', 'maxDevicesPerCall']],
  'checkpoint of the audit log': [['guard/audit-log', 'checkpointEvery']],
  'detail of an entry': [
    ['guard/redact', 'mostMembers'],
    ['guard/redact', 'deepest'],
    ['guard/redact', 'longestText'],
  ],
  'refusals that are entries': [
    ['guard/refusal-tally', 'maxKindsOfSource'],
    ['guard/refusal-tally', 'maxKeys'],
  ],
  authorities: [['pki/ca-records', 'mostCas']],
  'chain |': [['pki/chain', 'longestChain']],
  'file with certificates': [
    ['pki/bundle', 'maxBundleBytes'],
    ['pki/bundle', 'mostBlocks'],
  ],
  'rounds by which': [['pki/bundle', 'mostRounds']],
  "revocation list of somebody else's": [['pki/crl-reader', 'maxCrlBytes', mib]],
  'own revocation list': [['pki/crl-book', 'lifeMs', days]],
  'code to prove': [['pki/registered-cas', 'codeLifeMs', hours]],
  "a CA's proof": [['pki/possession', 'skewMs', minutes]],
  'retained messages': [['broker/retained', 'maxTopics']],
  'enrolment groups': [['provisioning/enrolments', 'mostGroups']],
  'hubs of an enrolment': [['provisioning/enrolment-check', 'mostHubs']],
  'groups, and policies, that it gives': [['provisioning/enrolment-values', 'mostTexts']],
  'attributes that it gives': [
    ['provisioning/enrolment-values', 'mostAttributes'],
    ['provisioning/enrolment-values', 'objectBytes'],
  ],
  'DPS registrations that are open': [['provisioning/dps', 'mostOpen']],
  'DPS registrations of an id': [
    ['provisioning/dps-rate', 'burst'],
    ['provisioning/dps-rate', 'perMinute'],
  ],
  'templates |': [['provisioning/template-store', 'mostTemplates']],
  'text of a template': [['provisioning/template-json', 'maxTemplateChars']],
  'parameters; policies; attributes': [
    ['provisioning/template', 'mostParameters'],
    ['provisioning/template-resources', 'mostPolicies'],
    ['provisioning/template-resources', 'mostAttributes'],
  ],
  'value of a parameter': [['provisioning/template-expand', 'maxParameterChars']],
  'allow lists': [['provisioning/allow-list', 'mostLists']],
  'patterns of a list': [
    ['provisioning/allow-list', 'mostPatterns'],
    ['provisioning/allow-list', 'mostAtOnce'],
  ],
  "line of an allow list's": [['provisioning/allow-list-csv', 'lineChars']],
  'answer of a flow': [['provisioning/template-settings', 'maxHookMs', seconds]],
  'questions to flows': [['provisioning/hook-desk', 'mostOpen']],
  'payload of a verdict': [['provisioning/hook-verdict', 'payloadBytes']],
  "trusted user's claim": [['provisioning/claim-store', 'trustedMs', minutes]],
  'fleet provisioning: request': [
    ['dialects/aws/provisioning', 'maxPayloadBytes'],
    ['dialects/aws/provisioning', 'mostWaiting'],
  ],
  'certificates made and not yet used': [
    ['provisioning/ownership', 'lifeMs', hours],
    ['provisioning/ownership', 'mostOutstanding'],
    ['provisioning/ownership', 'mostInAll'],
  ],
  "first connection by a CA's template": [
    ['provisioning/jitp', 'jitpHoldMs', seconds],
    ['provisioning/jitp', 'pendingMs', hours],
  ],
  'body of `/v1/provision`': [['dialects/plain/provision', 'mostBytes']],
  'bootstrap document |': [['provisioning/bootstrap', 'mostBytes']],
  'file |': [
    ['nodered/admin/import-routes', 'maxFileBytes', mib],
    ['provisioning/bulk-import', 'mostRows'],
  ],
  'reference tables |': [['storage/reference-table', 'tables']],
  'rows of a reference table |': [['storage/reference-table', 'rows']],
  'rows of a reference table, as JSON': [
    ['storage/reference-table', 'bytes', mib],
    ['storage/reference-table', 'rowBytes'],
  ],
  'key of a row': [['storage/reference-table', 'keyChars']],
  'keys of one lookup': [['storage/reference-table', 'asked']],
  'row; CSV field; columns': [
    ['provisioning/bulk-reader', 'lineChars'],
    ['codec/csv-reader', 'rowChars'],
    ['codec/csv-reader', 'fieldChars'],
    ['codec/csv-reader', 'columns'],
  ],
  'rows in a transaction': [['provisioning/bulk-import', 'mostInBatch']],
  'operations that run': [['provisioning/bulk-operations', 'mostRunning']],
  'devices of templates that wait': [['provisioning/fleet-provisioning-approvals', 'mostPending']],
  'operation that ended': [['provisioning/bulk-operations', 'keptMs', days]],
  'body |': [['broker/http-front', 'maxHttpBodyBytes']],
  'batch of Azure': [
    ['dialects/azure/http', 'maxBatch'],
    ['dialects/azure/http', 'maxBatchBytes'],
  ],
  'requests in work': [['hub/device-http', 'maxInWork']],
  'refusals that wait': [['hub/device-http', 'maxDelayed']],
  'bodies of all requests': [['broker/http-front', 'bodyBytes', mib]],
  'open connections to listeners': [
    ['broker/http-front', 'sockets'],
    ['broker/http-front', 'socketsPerAddress'],
  ],
  'text of a rule': [['routing/rule-limits', 'textBytes']],
  'rule: nesting': [
    ['routing/rule-limits', 'nesting'],
    ['routing/rule-limits', 'items'],
    ['routing/rule-limits', 'variables'],
  ],
  'rule: elements behind IN': [
    ['routing/rule-limits', 'inElements'],
    ['routing/rule-limits', 'filters'],
  ],
  'rule: operators or members': [['routing/rule-limits', 'height']],
  'topic rule of AWS': [
    ['routing/topic-rule-file', 'mostBytes'],
    ['routing/topic-rule-file', 'mostLevels'],
  ],
  'JSON nesting': [['telemetry/json-depth', 'jsonLevels']],
  'JSON of a payload: levels': [['telemetry/json-depth', 'jsonLevels']],
  'output of a rule; its levels': [
    ['routing/compile-rule', 'bytes', kib],
    ['routing/output-size', 'deepest'],
    ['routing/compile-rule', 'fanOut'],
  ],
  'answer of a function that asks': [
    ['routing/host', 'answerMs', seconds],
    ['routing/host', 'answerBytes'],
    ['routing/host', 'rounds'],
  ],
  'expression of JSONata': [
    ['nodered/route/jsonata', 'ms'],
    ['nodered/route/jsonata', 'steps'],
    ['nodered/route/jsonata', 'depth'],
  ],
  'hops of a message': [['nodered/route/router', 'mostHops']],
  'rules that a node gets while it runs': [
    ['nodered/route/hot-rules', 'most'],
    ['nodered/route/hot-rules', 'longestName'],
  ],
  'messages that a node with rules remembers': [
    ['nodered/route/seen', 'kept'],
    ['nodered/route/seen', 'largestBytes'],
  ],
  'tries of a message': [
    ['routing/action/action', 'tries'],
    ['routing/action/action', 'mostTries'],
    ['routing/action/retry', 'firstMs', seconds],
    ['routing/action/retry', 'mostMs', seconds],
  ],
  'time of one try': [
    ['routing/action/action', 'timeoutMs', seconds],
    ['routing/action/action', 'mostTimeoutMs', seconds],
  ],
  'messages that wait for an endpoint': [['routing/action/spool-port', 'keepMs', hours]],
  'probes of an endpoint': [
    ['routing/action/health', 'firstProbeMs', seconds],
    ['routing/action/health', 'mostProbeMs', seconds],
    ['routing/action/health', 'mostPauseMs', hours],
  ],
  'kept of an answer': [['runtime/webhook', 'responseBytes']],
  "republished to a node's": [
    ['routing/action/loop-guard', 'inWindow'],
    ['routing/action/loop-guard', 'windowMs', seconds],
    ['routing/action/loop-guard', 'suspendMs', seconds],
  ],
  'payload to decode': [
    ['codec/codec', 'inputBytes', mib],
    ['codec/codec', 'inflatedBytes', mib],
    ['codec/codec', 'inflation'],
  ],
  'payload: levels': [
    ['codec/codec', 'depth'],
    ['codec/codec', 'elements'],
  ],
  'payload of CBOR': [['codec/cbor-scan', 'bignumBytes']],
  'payload of CSV': [
    ['codec/csv-reader', 'rowChars'],
    ['codec/csv-reader', 'fieldChars'],
    ['codec/csv', 'mostColumns'],
  ],
  'header and columns of a message': [['telemetry/header-rows', 'repeatedChars', mib]],
  'layout of bits and bytes': [
    ['codec/layout/layout', 'fields'],
    ['codec/layout/layout', 'nameChars'],
    ['codec/layout/layout', 'fieldBytes'],
  ],
  'Sparkplug: edges': [
    ['codec/sparkplug/open-sparkplug', 'edges'],
    ['codec/sparkplug/open-sparkplug', 'devices'],
  ],
  'Sparkplug: messages': [
    ['codec/sparkplug/open-sparkplug', 'parked'],
    ['codec/sparkplug/open-sparkplug', 'parkedInAll'],
    ['codec/sparkplug/open-sparkplug', 'parkedBytes', mib],
  ],
  'Sparkplug in `loom-decode`': [
    ['nodered/codec/sparkplug-messages', 'messages'],
    ['nodered/codec/sparkplug-messages', 'bytes', mib],
    ['nodered/codec/sparkplug-messages', 'ms', seconds],
  ],
  'Sparkplug: missing number': [
    ['codec/sparkplug/open-sparkplug', 'reorderMs', seconds],
    ['codec/sparkplug/open-sparkplug', 'rebirthMs', seconds],
  ],
  'text of a schema': [['codec/avro/avro-type', 'textBytes']],
  'nesting of a schema': [['codec/avro/avro-type', 'depth']],
  // Of the text, times the levels of a schema.
  "nesting of a JSON Schema's text": [['codec/registry/json-schema-document', 'deepestText', times => count(times * 64)]],
  'JSON Schema in a model': [
    ['twin/model/schema', 'depth'],
    ['twin/model/schema', 'nodes'],
    ['twin/model/schema', 'cost'],
  ],
  'types and fields of a schema': [['codec/avro/avro-type', 'nodes']],
  'schemas of the registry': [['codec/registry/registered-schema', 'schemas']],
  'subjects of the registry': [['codec/registry/registered-schema', 'subjects']],
  'versions of a subject': [['codec/registry/registered-schema', 'versionsOfSubject']],
  'references of a schema': [['codec/registry/registered-schema', 'references']],
  'consumer: repeats remembered': [
    ['telemetry/repeats', 'mostRemembered'],
    ['nodered/consumer-fields', 'weekS'],
    ['nodered/consumer-fields', 'repeatWindowS'],
  ],
  'name of a subject': [['codec/registry/registered-schema', 'subjectChars']],
  'body of an admin request': [['nodered/admin/serve', 'maxBodyBytes']],
  'devices looked at for one page': [['hub/device-list', 'mostLooked']],
}

/** A number that a file gives a name, as constant, default or member: figures, products and powers of figures and of `dayMs`. */
function numberIn(file: string, name: string): number {
  const source = readFileSync(`src/${file}.ts`, 'utf8')
  const found = new RegExp(
    `(?<![#\\w])${name}(?:\\s*=|:)\\s*(\\d[\\d_ *]*(?:dayMs|day\\b|\\d))|(?<![#\\w])${name}(?:\\s*=|:)\\s*(\\d)`,
  ).exec(source)
  const text = found?.[1] ?? found?.[2]
  assert.ok(text, `src/${file}.ts names no number ${name}`)
  const product = (part: string): number =>
    part
      .replaceAll('**', '^')
      .split('*')
      .map(factor => {
        const [base = '', power = '1'] = factor.replace(/\b(dayMs|day)\b/, '86400000').split('^')
        return Number(base.replaceAll('_', '')) ** Number(power)
      })
      .reduce((a, b) => a * b)
  return product(text)
}

describe('docs/limits.md', () => {
  const lines = readFileSync('docs/limits.md', 'utf8').split('\n')

  it('reads numbers as the code has them', () => {
    assert.equal(numberIn('pki/crl-reader', 'maxCrlBytes'), 24 * 2 ** 20)
    assert.equal(numberIn('identity/rotation', 'unusedMs'), 30 * 86_400_000)
    assert.equal(numberIn('topology/group', 'maxGroupDepth'), 7)
  })

  for (const [start, numbers] of Object.entries(rows))
    it(`has the number of the code: ${start.replace(' |', '')}`, () => {
      const found = lines.filter(line => line.startsWith(`| ${start}`))
      assert.equal(found.length, 1, `${found.length} rows begin with "${start}"`)
      for (const [file, name, shown = count] of numbers) {
        const text = shown(numberIn(file, name))
        const whole = new RegExp(`(?<![\\d,.])${text.replaceAll('.', '\\.')}(?![\\d,]*\\d)`)
        assert.match(found[0]!, whole, `${name} of src/${file}.ts is ${text}`)
      }
    })
})
