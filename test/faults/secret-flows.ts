// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the template of an action
import { randomBytes } from 'node:crypto'
import { hubNode, tab, telemetryIn } from '../hub-flows.ts'
import type { FlowNode } from '../node-red-process.ts'
import type { SecretHouse } from './secret-house.ts'

const z = 'tab'
const position = { x: 100, y: 100 }
const hub = 'node-main'

/** What an action of the flow proves itself with. */
export const actionSecret = randomBytes(32).toString('base64')

/** Appends what `line` makes of a message to a file, as JSON. */
const writes = (id: string, file: string, line: string, wires: string[][] = [[]]): FlowNode => ({
  id,
  z,
  ...position,
  type: 'function',
  name: id,
  outputs: 1,
  timeout: 0,
  noerr: 0,
  libs: [],
  initialize: `context.set('file', global.get('fs').openSync(${JSON.stringify(file)}, 'a'))`,
  finalize: '',
  func: `global.get('fs').writeSync(context.get('file'), JSON.stringify(${line}) + '\\n')\nreturn msg`,
  wires,
})

/** A way in over HTTP to one node: what is posted becomes the message. */
const entry = (to: string): FlowNode[] => [
  {
    id: `in-${to}`,
    z,
    ...position,
    type: 'http in',
    name: '',
    url: `/flow/${to}`,
    method: 'post',
    upload: false,
    wires: [[`take-${to}`]],
  },
  {
    id: `take-${to}`,
    z,
    ...position,
    type: 'function',
    name: `take-${to}`,
    outputs: 2,
    timeout: 0,
    noerr: 0,
    initialize: '',
    finalize: '',
    libs: [],
    func: 'return [msg.payload, { req: msg.req, res: msg.res, payload: {} }]',
    wires: [[to], ['answer']],
  },
]

/** A node with its outputs: those that are there for secrets go to a file of their own. */
const watched = (id: string, type: string, outputs: ('seen' | 'made' | 'none')[], more: object): FlowNode[] => [
  ...entry(id),
  {
    id,
    z,
    ...position,
    type,
    name: id,
    hub,
    ...more,
    wires: outputs.map(to => (to === 'made' ? ['made'] : to === 'seen' ? ['seen', 'debug'] : [])),
  },
]

/** Every node of the suite that handles secrets or tells of devices, with a watch on all that comes out. */
export function secretFlows({ folder, ports, seen }: SecretHouse, hubKey: string, own: object = {}): FlowNode[] {
  const { mqtt, mqtts, https } = ports
  const limits = { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 }
  return [
    tab(z),
    { ...hubNode('main', `${folder}/hub`, { mqtt, mqtts, https }, { limits }), credentials: { key: hubKey } },
    hubNode('own', `${folder}/own`, {}, { broker: 'none', ...own }),
    { id: 'answer', z, ...position, type: 'http response', name: '', statusCode: '', headers: {}, wires: [] },
    ...watched('device', 'loom-device', ['seen', 'made', 'seen'], { action: 'create', credential: 'none', slot: 'primary' }),
    ...watched('certificate', 'loom-certificate', ['seen', 'made', 'seen'], {
      action: 'issue',
      device: '',
      keyType: '',
      days: '',
    }),
    // Nobody listens there: its messages wait on disk.
    ...watched('action', 'loom-action', ['seen', 'seen'], {
      url: "http://127.0.0.1:9/hook/${get_secret('secret')}",
      auth: 'bearer',
      tries: 1,
      credentials: { secret: actionSecret },
    }),
    ...watched('provision', 'loom-provision', ['none', 'seen', 'seen', 'seen', 'made'], {
      kinds: [],
      templates: '',
      enrolments: '',
    }),
    ...watched('simulator', 'loom-simulator', ['seen', 'seen'], {
      count: 2,
      idPrefix: 'sim-',
      model: 'pump',
      intervalMs: 1000,
      speed: 1,
      seed: '1',
      faults: [],
      autostart: true,
      rampPerSecond: 50,
    }),
    {
      id: 'rules',
      z,
      ...position,
      type: 'loom-route',
      name: 'rules',
      hub,
      from: 'hub',
      start: 'earliest',
      rules: [{ id: 'all', name: 'all', enabled: true, language: 'sql', text: 'SELECT *, principal() AS principal' }],
      errors: true,
      wires: [['seen'], ['seen']],
    },
    telemetryIn('telemetry', z, 'main', [['seen'], ['seen'], ['seen']]),
    {
      id: 'lifecycle',
      z,
      ...position,
      type: 'loom-device-events',
      name: '',
      hub,
      consumer: 'lifecycle',
      devices: '',
      events: [],
      ack: 'delivery',
      start: 'earliest',
      wires: [['seen'], ['seen']],
    },
    writes('seen', seen('messages.jsonl'), '{ ...msg, req: undefined, res: undefined }'),
    writes('made', seen('made.jsonl'), '{ ...msg, req: undefined, res: undefined }'),
    { id: 'catch', z, ...position, type: 'catch', name: '', scope: null, uncaught: false, wires: [['errors', 'debug-errors']] },
    { id: 'status', z, ...position, type: 'status', name: '', scope: null, wires: [['seen', 'debug']] },
    // The message that failed is the flow's own; what the node says of it is not.
    writes('errors', seen('errors.jsonl'), '{ error: msg.error }'),
    ...(['debug', 'debug-errors'] as const).map(id => ({
      id,
      z,
      ...position,
      type: 'debug',
      name: id,
      active: true,
      tosidebar: true,
      console: true,
      tostatus: true,
      complete: id === 'debug' ? 'true' : 'error',
      targetType: id === 'debug' ? 'full' : 'msg',
      statusVal: id === 'debug' ? 'payload' : 'error',
      statusType: 'msg',
      wires: [],
    })),
    ...entry('careless'),
    {
      id: 'careless',
      z,
      ...position,
      type: 'function',
      name: 'careless',
      outputs: 1,
      timeout: 0,
      noerr: 0,
      initialize: '',
      finalize: '',
      libs: [],
      func: 'node.warn("it is " + msg.secret)',
      wires: [[]],
    },
  ]
}
