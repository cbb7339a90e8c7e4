import { readFileSync } from 'node:fs'
import type { FlowNode } from './node-red-process.ts'

/** The config node of the hub `id`; listeners given as kind -> port, on loopback. */
export const hubNode = (id: string, dataDir: string, listeners: Record<string, number>, more: object = {}): FlowNode => ({
  id: `node-${id}`,
  type: 'loom-hub',
  name: id,
  hubId: id,
  dataDir,
  store: 'sqlite',
  broker: 'embedded',
  host: '127.0.0.1',
  listeners: Object.entries(listeners).map(([kind, port]) => ({ kind, port, host: '127.0.0.1' })),
  ...more,
})

export const tab = (id: string): FlowNode => ({ id, type: 'tab', label: id })

const position = { x: 100, y: 100 }

export const telemetryIn = (id: string, z: string, hub: string, wires: string[][], more: object = {}): FlowNode => ({
  id,
  z,
  ...position,
  type: 'loom-telemetry-in',
  name: id,
  hub: `node-${hub}`,
  consumer: id,
  ack: 'delivery',
  start: 'earliest',
  window: 256,
  batchMax: 1,
  batchLingerMs: 0,
  wires,
  ...more,
})

export const ackNode = (id: string, z: string): FlowNode => ({
  id,
  z,
  ...position,
  type: 'loom-ack',
  name: '',
  do: 'ack',
  wires: [[]],
})

/** A function node that writes each message as one JSON line to a file, synchronously, then passes it on. Bytes are written as base64. */
export const recorder = (id: string, z: string, file: string, wires: string[][] = [[]]): FlowNode => ({
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
  func: `const { device, time, seq, topic, properties, contentType, payload } = msg
const base64 = Buffer.isBuffer(payload) ? payload.toString('base64') : undefined
const line = JSON.stringify({ device, time, seq, topic, properties, contentType, base64, payload: base64 === undefined ? payload : undefined })
global.get('fs').writeSync(context.get('file'), line + '\\n')
return msg`,
  wires,
})

export interface Recorded {
  device: string
  time: number
  topic: string
  properties?: Record<string, string>
  contentType?: string
  base64?: string
  payload?: any
}

/** Whole lines of a recorder's file; the last one is left out when a kill cut it short. */
export function recorded(file: string): Recorded[] {
  return linesOf(file).map(line => JSON.parse(line) as Recorded)
}

export function linesOf(file: string): string[] {
  try {
    const text = readFileSync(file, 'utf8')
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
  } catch {
    return []
  }
}
