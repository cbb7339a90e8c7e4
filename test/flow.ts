import { type EventEmitter, once } from 'node:events'
import { createRequire } from 'node:module'
import type { Node, NodeAPI } from 'node-red'
import helper from 'node-red-node-test-helper'
import hubNode from '../nodes/hub/hub.ts'
import { hubs, setHubStarter } from '../src/nodered/hubs.ts'
import type { FakeHub } from './fake-hub.ts'

helper.init(createRequire(import.meta.url).resolve('node-red'))

export type Register = (RED: NodeAPI) => void
export type Received = Record<string, any>
type Config = Record<string, unknown>

export interface Flow {
  node: Node
  get(id: string): Node
  send(msg: object): void
  /** The next `count` messages of an output, counted from 0. Call before what causes them. */
  outputs(count: number, output?: number): Promise<Received[]>
  /** Messages of an output so far. */
  seen(output?: number): Received[]
  /** The next error of the node, with or without message. */
  error(): Promise<any>
  /** The next status of the node whose text matches. */
  status(text: RegExp): Promise<{ fill: string; shape: string; text: string }>
}

/** Loads one node `n` whose outputs are wired to probes. `x` and `y` matter: without both the runtime takes a node for a config node. */
export async function flow(
  register: Register | Register[],
  config: Config,
  o: {
    hub?: FakeHub
    others?: Config[]
    outputs?: number
    credentials?: Record<string, Record<string, string>>
    settings?: object
  } = {},
): Promise<Flow> {
  const { outputs = 3, others = [] } = o
  const at = { x: 1, y: 1, z: 't' }
  const probes = Array.from({ length: outputs }, (_, i) => ({ id: `out${i}`, type: 'helper', ...at }))
  if (o.hub) setHubStarter(async () => o.hub!)
  helper.settings({ ...o.settings } as never)
  const nodes = [
    { id: 't', type: 'tab' },
    ...(o.hub ? [{ id: 'hub', type: 'loom-hub', hubId: 'test', store: 'memory', listeners: [] }] : []),
    ...others,
    { id: 'n', ...at, ...(o.hub && { hub: 'hub' }), ...config, wires: probes.map(({ id }) => [id]) },
    ...probes,
  ]
  const registers = [...(o.hub ? [hubNode] : []), ...(Array.isArray(register) ? register : [register])]
  await helper.load(registers as never, nodes as never, (o.credentials ?? {}) as never)
  const node = helper.getNode('n')
  const received = probes.map(({ id }) => {
    const seen: Received[] = []
    helper.getNode(id).on('input', msg => void seen.push(msg))
    return seen
  })
  return {
    node,
    get: id => helper.getNode(id),
    send: msg => node.receive(msg as never),
    outputs: (count, output = 0) => {
      const from = received[output]!.length
      return new Promise(resolve => {
        helper.getNode(`out${output}`).on('input', () => {
          const news = received[output]!.slice(from)
          if (news.length === count) resolve(news)
        })
      })
    },
    seen: (output = 0) => received[output]!,
    error: async () => (await once(node, 'call:error'))[0].firstArg,
    status: text =>
      new Promise(resolve => {
        const emitter: EventEmitter = node
        emitter.on('call:status', ({ firstArg: shown }) => {
          if (text.test(shown.text)) resolve(shown)
        })
      }),
  }
}

/** Stops the flow and whatever hub it used. */
export async function unload(): Promise<void> {
  await helper.unload()
  await hubs.endAll()
  setHubStarter()
}
