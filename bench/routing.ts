import { Engine } from 'json-rules-engine'
import jsonata from 'jsonata'
import type { RuleMessage } from '../src/routing/message.ts'
import { compileRule, createRuleSet, type RuleSet } from '../src/routing/routing.ts'
import { TopicTrie } from '../src/routing/topic-trie.ts'

/*
 * Rule sets against one JSON.parse of the same buffer, in one run. Payloads come as bytes and topics as new strings, as from the network. CPU time. The pace of a shared
 * machine changes within a tenth of a second: many short samples, each between two of JSON.parse; median and best tenth of their ratios.
 */
const messages = 1_000
const samples = Number(process.env.BENCH_SAMPLES ?? 300)
const devices = 1_000
const states = ['running', 'idle', 'stopped', 'fault']

let noise = 1
const next = (): number => (noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff) / 0x80000000
const round = (value: number): number => Math.round(value * 100) / 100

const bodies = Array.from({ length: devices }, (_, i) => ({
  deviceId: `pump-${i}`,
  ts: 1_700_000_000_000 + i * 1000,
  temperature: round(next() * 100),
  humidity: round(next() * 100),
  pressure: round(980 + next() * 50),
  state: states[Math.floor(next() * states.length)]!,
  battery: round(3 + next()),
  line: `L${i % 40}`,
  alarm: next() < 0.02,
  location: { site: `plant-${i % 7}`, row: i % 25 },
  firmware: '1.4.2',
}))
const buffers = bodies.map(body => Buffer.from(JSON.stringify(body)))
const bytes = Math.round(buffers.reduce((sum, { length }) => sum + length, 0) / devices)

/** Each topic a new string. */
const traffic = (topicOf: (i: number) => string = i => `dt/pump-${i}/telemetry`): RuleMessage[] =>
  Array.from({ length: messages }, (_, n) => {
    const i = n % devices
    return { topic: Buffer.from(topicOf(i)).toString('latin1'), payload: buffers[i]! }
  })

type Rules = { name: string; sql: string }[]
const rules = (count: number, where: (i: number) => string): Rules =>
  Array.from({ length: count }, (_, i) => ({
    name: `rule-${i}`,
    sql: `SELECT deviceId, temperature, ts AS time FROM 'dt/+/telemetry' WHERE ${where(i)}`,
  }))

const mixed100 = rules(100, i => {
  if (i === 0) return 'temperature > 40'
  if (i === 1) return "state = 'running'"
  if (i < 20) return `temperature > ${80 + i} AND humidity < 50`
  if (i < 60) return `line = 'L${i - 20}' AND state <> 'idle'`
  if (i < 80) return `deviceId IN ['pump-${i}', 'pump-${i + 100}']`
  if (i < 90) return `location.row > ${i / 2}`
  return `pressure < ${980 + (i - 90) * 0.05} OR startswith(line, 'X${i}')`
})
const indexable = (i: number): string =>
  i % 4 === 3 ? `temperature > ${99.7 + i / 1e6} AND line = 'L${i % 40}'` : `deviceId = 'pump-${i}' AND battery < 3.9`
const mixed10k = rules(10_000, i => {
  if (i % 10 !== 9) return i % 100 === 0 && i < 500 ? `temperature > ${i / 50}` : indexable(i)
  // Nothing that an index could look up.
  const kind = Math.floor(i / 10) % 5
  if (kind === 0) return `temperature - humidity > pressure - ${900 + i / 1e5}`
  if (kind === 1) return `startswith(firmware, '2.${i}')`
  if (kind === 2) return `temperature > ${99.8 + i / 1e6} OR humidity > ${99.8 + i / 1e6}`
  if (kind === 3) return `battery * ${2 + i / 1e5} > pressure`
  return `humidity > temperature * ${99 + i}`
})

function cpuUs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

type Run = (message: RuleMessage) => void

function usEach(run: Run, topicOf?: (i: number) => string): number {
  const list = traffic(topicOf)
  return cpuUs(() => list.forEach(run)) / messages
}

let found = 0
const parse: Run = ({ payload }) => void (found += JSON.parse(payload as string) ? 1 : 0)
const quantile = (values: readonly number[], part = 0.5): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)]!

interface Measured {
  parseUs: number
  us: number
  ratio: number
  best: number
}

function measure(run: Run, topicOf?: (i: number) => string): Measured {
  // Closures settle late.
  for (let i = 0; i < samples / 2; i++) usEach(run, topicOf)
  const taken = Array.from({ length: samples }, () => {
    const before = usEach(parse)
    const us = usEach(run, topicOf)
    const parseUs = (before + usEach(parse)) / 2
    return { parseUs, us, ratio: us / parseUs }
  })
  const ratios = taken.map(({ ratio }) => ratio)
  return {
    parseUs: quantile(taken.map(each => each.parseUs)),
    us: quantile(taken.map(each => each.us)),
    ratio: quantile(ratios),
    best: quantile(ratios, 0.1),
  }
}

const matching =
  (set: RuleSet<unknown>): Run =>
  message =>
    void (found += set.match(message).length)

console.log(`Rule sets, payloads of ${bytes} B as bytes, ratio to one JSON.parse of the same\n`)
console.log('| goal | case | JSON.parse, us | rules, us | ratio | best tenth | at most | matches a message |')
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
/** `run` adds to what is found. */
const line = (id: string, name: string, limit: number, run: Run, topicOf?: (i: number) => string): void => {
  found = 0
  for (const message of traffic(topicOf)) run(message)
  const matches = found / messages
  const { parseUs, us, ratio, best } = measure(run, topicOf)
  const cells = [id, name, parseUs.toFixed(2), us.toFixed(2), ratio.toFixed(2), best.toFixed(2), limit, matches.toFixed(2)]
  console.log(`| ${cells.join(' | ')} |`)
}
const one = compileRule(rules(1, () => 'temperature > 50')[0]!.sql)
line('', '1 rule, `evaluate`', 1.5, message => void (one.evaluate(message).matched && found++))
line('G1', '1 rule', 1.5, matching(createRuleSet([one])))
line('G2', '100 rules', 2, matching(createRuleSet(mixed100)))
line('G3', '1,000 indexable', 2, matching(createRuleSet(rules(1_000, indexable))))
line('G4', '10,000 indexable', 2.5, matching(createRuleSet(rules(10_000, indexable))))
line('G5', '10,000, 10 % by other conditions', 12, matching(createRuleSet(mixed10k)))
const filters = Array.from({ length: 10_000 }, (_, i) => (i % 3 ? `dt/pump-${i}/+` : `dt/pump-${i}/telemetry/#`))
const trie = new TopicTrie<number, number[]>(values => values)
for (const [i, filter] of filters.entries()) trie.at(filter, () => i)
line('G6', 'topic among 10,000 filters', 1, ({ topic }) => void (found += trie.match(topic!).length))
let fresh = 0
line('', 'the same, topics never seen before', 1, ({ topic }) => void (found += trie.match(`${topic}/${fresh++}`).length))
line('G7', 'topic of no rule', 0.2, matching(createRuleSet(mixed10k)), i => `other/pump-${i}/telemetry`)

console.log('\n| compile, CPU | ms |')
console.log('| --- | --- |')
/** The best of seven: what it costs beyond that are other people's garbage and caches. */
const ms = (run: () => void): string => (Math.min(...Array.from({ length: 7 }, () => cpuUs(run))) / 1000).toFixed(0)
const tenThousand = rules(10_000, indexable)
const plain = { topic: 'dt/pump-1/telemetry', payload: buffers[1]! }
console.log(`| 10,000 rules | ${ms(() => void createRuleSet(tenThousand))} |`)
console.log(`| the same and their index | ${ms(() => void createRuleSet(tenThousand).match(plain))} |`)
const running = createRuleSet(tenThousand)
running.match(plain)
console.log(
  `| \`replace\` with one of them changed | ${ms(() => void running.replace(tenThousand.with(5, { name: 'rule-5', sql: `SELECT * FROM 'x/${fresh++}'` })))} |`,
)

/** Messages of one contender. */
async function peerUs(count: number, run: (body: (typeof bodies)[number]) => Promise<unknown>): Promise<number> {
  const once = async (): Promise<number> => {
    const before = process.cpuUsage()
    for (let i = 0; i < count; i++) await run(JSON.parse(buffers[i % devices] as unknown as string))
    const { user, system } = process.cpuUsage(before)
    return (user + system) / count
  }
  const samples = [await once(), await once(), await once(), await once()]
  return samples.slice(1).toSorted((a, b) => a - b)[1]!
}

function rulesEngine(count: number): Engine {
  const engine = new Engine([], { allowUndefinedFacts: true })
  for (let i = 0; i < count; i++)
    engine.addRule({
      conditions: { all: [{ fact: 'temperature', operator: 'greaterThan', value: 97.6 + i / 1e6 }] },
      event: { type: `rule-${i}` },
    })
  return engine
}

console.log('\n| 100 rules `temperature > x`, 2.4 matches, ratio to one JSON.parse | us | ratio |')
console.log('| --- | --- | --- |')
const base = Math.min(...Array.from({ length: 5 }, () => usEach(parse)))
const row = (name: string, us: number): void => console.log(`| ${name} | ${us.toFixed(1)} | ${(us / base).toFixed(1)} |`)
row('rule set', measure(matching(createRuleSet(rules(100, i => `temperature > ${97.6 + i / 1e6}`)))).us)
const expressions = Array.from({ length: 100 }, (_, i) =>
  jsonata(`temperature > ${97.6 + i / 1e6} ? {"deviceId": deviceId, "temperature": temperature, "time": ts}`),
)
row(
  'jsonata',
  await peerUs(1_000, async body => {
    for (const expression of expressions) if (await expression.evaluate(body)) found++
  }),
)
const engine = rulesEngine(100)
row('json-rules-engine', await peerUs(300, async body => void (found += (await engine.run(body)).events.length)))
if (found < 0) throw new Error('nothing was found')
