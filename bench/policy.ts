import { type Access, compileAccess, createAccessCompiler } from '../src/identity/policy-access.ts'
import { readPolicy } from '../src/identity/policy-document.ts'
import type { AccessContext } from '../src/identity/policy-variables.ts'

/*
 * Policy checks against a bare loop that looks each topic up in a Map, in one run. Every topic is a new string, as it comes from the network, so that both pay for its
 * hash. CPU time, median of five.
 */
const checks = Number(process.env.BENCH_CHECKS ?? 400_000)
const device = 'pump-0042'
const context: AccessContext = { deviceId: device, clientId: device, sourceIp: '192.0.2.7', tags: { line: 'A' } }

// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
const me = '${iot:Connection.Thing.ThingName}'
const arn = (resource: string) => `arn:aws:iot:eu-central-1:123456789012:${resource}`
const allow = (Action: string, Resource: string | string[], Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition && { Condition }),
})
const documentOf = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })

const usual = [
  allow('iot:Connect', arn(`client/${me}`)),
  allow('iot:Publish', [arn(`topic/dt/${me}/*`), arn('topic/news/all')]),
  allow('iot:Publish', arn(`topic/state/${me}`)),
  allow('iot:Receive', arn(`topic/cmd/${me}/*`)),
  allow('iot:Receive', arn('topic/news/*')),
  allow('iot:Subscribe', arn(`topicfilter/cmd/${me}/*`)),
  allow('iot:Subscribe', arn('topicfilter/news/*')),
  { ...allow('iot:Publish', arn(`topic/dt/${me}/locked/*`)), Effect: 'Deny' },
  { ...allow('iot:Publish', arn('topic/admin/*')), Effect: 'Deny' },
  { ...allow('iot:Receive', arn('topic/admin/*')), Effect: 'Deny' },
]
const patterned = usual.map(statement => ({
  ...statement,
  Resource: JSON.parse(JSON.stringify(statement.Resource).replaceAll('/*"', '/*/v?"')) as string,
}))
const timed = usual.map(statement =>
  statement.Effect === 'Deny' ? { ...statement, Condition: { DateLessThan: { 'aws:CurrentTime': '2020-01-01' } } } : statement,
)
const wide = [
  ...usual,
  allow(
    'iot:Publish',
    Array.from({ length: 120 }, (_, i) => arn(`topic/p${i}/*`)),
  ),
]

/** `different`: how many topics there are among them. */
const topics = (different: number): string[] =>
  Array.from({ length: checks }, (_, i) => Buffer.from(`dt/${device}/sensors/temperature-${i % different}/v1`).toString('latin1'))

function bareLoop(names: readonly string[], different: number): () => number {
  const known = new Map(
    topics(different)
      .slice(0, different)
      .map(name => [name, true]),
  )
  return () => {
    let found = 0
    for (let i = 0; i < names.length; i++) if (known.get(names[i]!)) found++
    return found
  }
}

const checkLoop = (names: readonly string[], access: Access) => (): number => {
  let found = 0
  for (let i = 0; i < names.length; i++) if (access.decide('Publish', names[i]!) === 'allow') found++
  return found
}

/** `prepare` is not measured. */
function cpuMs(prepare: () => () => number): number {
  const samples = Array.from({ length: 7 }, () => {
    const run = prepare()
    const before = process.cpuUsage()
    const found = run()
    const { user, system } = process.cpuUsage(before)
    if (found !== checks) throw new Error(`${found} of ${checks}`)
    return (user + system) / 1000
  })
  // the first two warm up
  return samples.slice(2).toSorted((a, b) => a - b)[2]!
}

const cases: [name: string, different: number, statements: readonly object[]][] = [
  ['10 statements, literals and prefixes, 100 topics', 100, usual],
  ['the same, 20 topics', 20, usual],
  ['the same, 10,000 topics: no help from memory', 10_000, usual],
  ['10 statements with wildcards inside, 20 topics', 20, patterned],
  ['10 statements with wildcards inside, 10,000 topics', 10_000, patterned],
  ['10 statements, 3 of them by time', 20, timed],
  ['11 statements, one with 120 prefixes', 10_000, wide],
]
const now = () => Date.now()

console.log(`Policy checks of one session, ${checks} topics as new strings\n`)
console.log('| policy | bare Map, ns a topic | check, ns | of the limit | M checks/s |')
console.log('| --- | --- | --- | --- | --- |')
for (const [name, different, statements] of cases) {
  const documents = [readPolicy(documentOf(...statements))]
  const limit = cpuMs(() => bareLoop(topics(different), different))
  const ours = cpuMs(() => checkLoop(topics(different), compileAccess({ documents, context, now })))
  const ns = (ms: number) => ((ms * 1e6) / checks).toFixed(0)
  console.log(`| ${name} | ${ns(limit)} | ${ns(ours)} | ${(limit / ours).toFixed(2)} | ${(checks / ours / 1000).toFixed(1)} |`)
}

const sessions = 20_000
function cpuMicros(run: (i: number) => void): string {
  const samples = Array.from({ length: 4 }, () => {
    const before = process.cpuUsage()
    for (let i = 0; i < sessions; i++) run(i)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / sessions
  })
  return samples
    .slice(1)
    .toSorted((a, b) => a - b)[1]!
    .toFixed(1)
}
const text = documentOf(...usual)
const policies = [{ id: 'usual', version: 1, document: readPolicy(text) }]
const compiler = createAccessCompiler({ now })
const contextOf = (i: number): AccessContext => ({ deviceId: `pump-${i}`, clientId: `pump-${i}` })

console.log('\n| of these 10 statements | CPU, us |')
console.log('| --- | --- |')
console.log(`| read the document (${text.length} B) | ${cpuMicros(() => readPolicy(text))} |`)
console.log(`| \`JSON.parse\` of it | ${cpuMicros(() => JSON.parse(text))} |`)
console.log(
  `| compile for a session with its own values | ${cpuMicros(i => compiler.compile({ policies, context: contextOf(i) }))} |`,
)
console.log(
  `| for one whose values are known | ${cpuMicros(i => compiler.compile({ policies, context: contextOf(i % 1000) }))} |`,
)
