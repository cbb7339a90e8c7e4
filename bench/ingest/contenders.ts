import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hubNode, tab, telemetryIn } from '../../test/hub-flows.ts'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../../test/node-red-process.ts'
import { type Child, freePorts, start, until } from '../../test/processes.ts'

export const hubId = 'bench'

/** Mosquitto as Debian ships it, without persistence: nothing is durable. */
export async function startMosquitto(folder: string): Promise<{ child: Child; port: number }> {
  const [port] = (await freePorts(1)) as [number]
  const config = join(folder, 'mosquitto.conf')
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nmax_connections -1\nlog_type error\n`,
  )
  const child = start('mosquitto', ['-c', config])
  await until('mosquitto listens', () => canConnect(port))
  return { child, port }
}

/** The floor: see bare.ts. */
export async function startBare(folder: string): Promise<{ child: Child; port: number }> {
  const child = start(process.execPath, [join(import.meta.dirname, 'bare.ts'), folder])
  return { child, port: Number((await child.says(/PORT (\d+)/))[1]) }
}

async function canConnect(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

export interface HubProcess {
  nodeRed: NodeRedProcess
  ports: { mqtt: number; mqtts: number }
  /** Devices without credential: these listeners are plaintext and on loopback. */
  register(ids: string[]): Promise<void>
  /** Deploys the flow nodes beside the unchanged hub. */
  flow(nodes: FlowNode[]): Promise<void>
  stop(): Promise<void>
}

/** Node-RED with a hub in it and no flow: durable journal, and the built-in store for readings when `storeTelemetry`. */
export async function startHubProcess(folder: string, { storeTelemetry }: { storeTelemetry: boolean }): Promise<HubProcess> {
  const [port, mqtt, mqtts] = (await freePorts(3)) as [number, number, number]
  // One device stands for thousands, and connects as often.
  const limits = { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0, connectionsPerDevice: 0, storeTelemetry }
  const hub = hubNode(hubId, join(folder, 'hub'), { mqtt, mqtts }, { allowAnonymous: true, limits })
  const user = userFolder(join(folder, 'user'), [tab('tab'), hub])
  const nodeRed = await startNodeRed({ folder: user, port, nodeArgs: ['--import', join(import.meta.dirname, 'loop-delay.mjs')] })
  const health = () => nodeRed.call<{ status: string }>('GET', `/thingloom/${hubId}/health`)
  await until('the hub serves', async () => (await health()).status === 'ok')
  return {
    nodeRed,
    ports: { mqtt, mqtts },
    async register(ids) {
      for (let i = 0; i < ids.length; i += 100)
        await Promise.all(ids.slice(i, i + 100).map(id => nodeRed.call('POST', `/thingloom/${hubId}/devices`, { id })))
    },
    async flow(nodes) {
      await nodeRed.deploy([tab('tab'), hub, ...nodes])
      await until('the hub serves on', async () => (await health()).status === 'ok')
    },
    stop: () => nodeRed.child.stop(),
  }
}

const functionNode = (id: string, more: object): FlowNode => ({
  id,
  type: 'function',
  z: 'tab',
  x: 1,
  y: 1,
  outputs: 0,
  func: '',
  initialize: '',
  finalize: '',
  libs: [],
  wires: [],
  ...more,
})
const end = functionNode('end', {})

export const flows = [
  {
    name: 'telemetry-in, one message each',
    batch: 1,
    nodes: [telemetryIn('in', 'tab', hubId, [['end'], []], { start: 'latest' }), end],
  },
  {
    name: 'telemetry-in, batches of 100',
    batch: 100,
    nodes: [telemetryIn('in', 'tab', hubId, [['end'], []], { start: 'latest', batchMax: 100, batchLingerMs: 20 }), end],
  },
] as const

/** The flow behind telemetry-in alone, fed the same messages of ready-made readings by a timer: what the runtime and the flow take for themselves. */
export const flowAlone = ({ rate, batch }: { rate: number; batch: number }): FlowNode[] => [
  functionNode('in', {
    outputs: 1,
    initialize: `const reading = i => ({ device: 'd' + i, time: 1, arrived: 1, stream: '', jseq: i, idx: 0, properties: {}, topic: 'devices/d' + i + '/telemetry' })
const values = { t: 21.5, rpm: 900, state: 'on', v: [1, 2, 3] }
const readings = Array.from({ length: ${batch} }, (_, i) => ({ ...reading(i), values }))
let sent = 0
const begun = Date.now()
setInterval(() => {
  for (const due = (Date.now() - begun) * ${rate} / 1000; sent < due; sent += ${batch})
    node.send(${batch} > 1 ? { payload: readings } : { ...reading(sent % 1000), payload: values }, false)
}, ${Math.max(10, (batch / rate) * 1000)})`,
    wires: [['end']],
  }),
  end,
]

/** What the main loop's delay was since the last question, ms. */
export async function loopDelay({ child }: NodeRedProcess): Promise<{ p50: number; p99: number; max: number }> {
  const from = child.output().length
  process.kill(child.pid, 'SIGCONT')
  return until('the loop delay', () => {
    const match = /LOOP (\{.*\})/.exec(child.output().slice(from))
    return match && (JSON.parse(match[1]!) as { p50: number; p99: number; max: number })
  })
}
