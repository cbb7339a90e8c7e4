import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaults } from '../nodes/route/config.ts'
import { type FlowNode, startNodeRed, userFolder } from '../test/node-red-process.ts'
import { freePorts, tempFolder } from '../test/processes.ts'

/*
 * Rules in a real Node-RED: the same messages, as bytes, through one loom-route, through one switch with as many outputs, and through a chain of topic switch, value switch and change
 * for each rule. Every message matches 2 or 3 rules; all that is delivered is counted, and the next messages come when it is. CPU time of Node-RED, median of three.
 * It needs the built package: `npm run build`.
 */
const ruleCount = 100
const turns = 3
const goal = 100
const quick = Boolean(process.env.BENCH_QUICK)

interface Contender {
  name: string
  what: string
  batches: number
  /** What comes back of a message, if it is not by the rules. */
  each?: number
  first: string[]
  nodes: FlowNode[]
}

const rules = Array.from({ length: ruleCount }, (_, i) => ({ from: i, to: i + 2.4 }))
const tab = 'bench'
const sink = (id: string): string => `${id}-drive`

function flowOf({ name, first, nodes, each }: Contender): FlowNode[] {
  return [{ id: sink(name), type: 'bench-drive', z: tab, batch: 101, rules, each: each ?? 0, wires: [first] }, ...nodes]
}

const json = (id: string, to: string[]): FlowNode => ({
  id,
  type: 'json',
  z: tab,
  property: 'payload',
  action: 'obj',
  pretty: false,
  wires: [to],
})

const between = ({ from, to }: (typeof rules)[number]) => ({ t: 'btwn', v: String(from), vt: 'num', v2: String(to), v2t: 'num' })

function route(): Contender {
  const rows = rules.map(({ from, to }, i) => ({
    id: `r${i}`,
    name: `rule ${i}`,
    enabled: true,
    language: 'sql' as const,
    text: `SELECT deviceId, temperature, ts AS time FROM 'dt/+/telemetry' WHERE temperature >= ${from} AND temperature <= ${to}`,
  }))
  const outputRules = rows.map(({ id }) => id)
  const node = {
    ...defaults,
    id: 'route-node',
    type: 'loom-route',
    z: tab,
    rules: rows,
    outputRules,
    outputs: ruleCount,
    wires: rules.map(() => [sink('route')]),
  }
  return {
    name: 'route',
    what: 'one loom-route: topic, condition and selection',
    batches: 300,
    first: [node.id],
    nodes: [node as FlowNode],
  }
}

/** No topic is looked at and nothing is selected. */
function oneSwitch(): Contender {
  const node: FlowNode = {
    ...{
      id: 'switch-node',
      type: 'switch',
      z: tab,
      property: 'payload.temperature',
      propertyType: 'msg',
      checkall: 'true',
      repair: false,
    },
    ...{ rules: rules.map(between), outputs: ruleCount, wires: rules.map(() => [sink('switch')]) },
  }
  return {
    name: 'switch',
    what: 'json and one switch of 100 outputs: condition',
    batches: 100,
    first: ['switch-json'],
    nodes: [json('switch-json', [node.id]), node],
  }
}

function chains(): Contender {
  const one = { z: tab, propertyType: 'msg', checkall: 'true', repair: false, outputs: 1 }
  const selection = [
    {
      t: 'set',
      p: 'payload',
      pt: 'msg',
      to: '{"deviceId": payload.deviceId, "temperature": payload.temperature, "time": payload.ts}',
      tot: 'jsonata',
    },
  ]
  const nodes = rules.flatMap((rule, i): FlowNode[] => [
    {
      ...one,
      id: `chain-${i}-topic`,
      type: 'switch',
      property: 'topic',
      rules: [{ t: 'regex', v: '^dt/[^/]+/telemetry$', vt: 'str', case: false }],
      wires: [[`chain-${i}-value`]],
    },
    {
      ...one,
      id: `chain-${i}-value`,
      type: 'switch',
      property: 'payload.temperature',
      rules: [between(rule)],
      wires: [[`chain-${i}-change`]],
    },
    { id: `chain-${i}-change`, type: 'change', z: tab, rules: selection, wires: [[sink('chain')]] },
  ])
  const heads = rules.map((_, i) => `chain-${i}-topic`)
  return {
    name: 'chain',
    what: 'json and 100 chains of switch, switch and change: all three',
    batches: 10,
    first: ['chain-json'],
    nodes: [json('chain-json', heads), ...nodes],
  }
}

/** What it costs to send a message and to get it twice. */
const nothing: Contender = {
  name: 'nothing',
  what: 'nothing: wires alone',
  batches: 300,
  each: 2,
  first: [sink('nothing'), sink('nothing')],
  nodes: [],
}

const contenders = [nothing, route(), oneSwitch(), chains()]
const folder = userFolder(tempFolder('bench-route'), [{ id: tab, type: 'tab', label: tab }, ...contenders.flatMap(flowOf)])
mkdirSync(join(folder, 'nodes'))
copyFileSync(join(import.meta.dirname, 'route-driver.cjs'), join(folder, 'nodes', 'bench-drive.js'))
writeFileSync(
  join(folder, 'nodes', 'bench-drive.html'),
  `<script type="text/javascript">RED.nodes.registerType('bench-drive', { category: 'bench', defaults: {}, inputs: 1, outputs: 1 })</script>`,
)
const [port] = (await freePorts(1)) as [number]
const nodeRed = await startNodeRed({ folder, port })

interface Cost {
  us: number
  delivered: number
}

async function run({ name, batches }: Contender): Promise<Cost> {
  const count = quick ? Math.ceil(batches / 10) : batches
  const answer = await fetch(`${nodeRed.url}/${sink(name)}?batches=${count}`, { signal: AbortSignal.timeout(300_000) })
  return (await answer.json()) as Cost
}

const costs = new Map<Contender, Cost[]>(contenders.map(contender => [contender, []]))
for (let turn = 0; turn <= turns; turn++)
  for (const contender of contenders) {
    const cost = await run(contender)
    // The first turn warms up.
    if (turn > 0) costs.get(contender)!.push(cost)
  }
await nodeRed.child.stop()

const median = (contender: Contender): Cost => costs.get(contender)!.toSorted((a, b) => a.us - b.us)[turns >> 1]!
const [, ours, , byChains] = contenders.map(median) as [Cost, Cost, Cost, Cost]
console.log(`${ruleCount} rules through Node-RED\n`)
console.log('| | delivered a message | CPU a message, us | messages/s | over loom-route |')
console.log('| --- | --- | --- | --- | --- |')
for (const contender of contenders) {
  const { us, delivered } = median(contender)
  const cells = [contender.what, delivered.toFixed(2), us.toFixed(1), Math.round(1e6 / us), (us / ours.us).toFixed(2)]
  console.log(`| ${cells.join(' | ')} |`)
}
console.log(`\nGoal: ${goal} times as fast as the chains: ${byChains.us / ours.us >= goal ? 'met' : 'missed'}`)
