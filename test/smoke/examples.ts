import { join } from 'node:path'
import type { FlowNode } from '../node-red-process.ts'
import { freePorts, tempFolder } from '../processes.ts'

/** Where an example takes its Node-RED to be. */
const usual = 'http://127.0.0.1:1880/'

/** Optional packages, by the format that they read. */
const packages: Readonly<Record<string, string>> = { sparkplug: 'protobufjs' }

/** What an example needs beside this package. */
export const packagesOf = (flow: FlowNode[]): string[] => [
  ...new Set(flow.flatMap(({ format }) => packages[String(format)] ?? [])),
]

/** Ports and data folder of their own for the hubs of an example, so that examples and other runs do not meet; what it asks of its Node-RED goes to `url`. */
export async function apart(flow: FlowNode[], url?: string): Promise<FlowNode[]> {
  const ports = await freePorts(20)
  return flow.map(node =>
    node.type === 'loom-hub'
      ? {
          ...node,
          dataDir: join(tempFolder('example'), 'hub'),
          listeners: (node.listeners as { port: number }[]).map(listener => ({ ...listener, port: ports.pop() })),
        }
      : url && typeof node.url === 'string'
        ? { ...node, url: node.url.replace(usual, `${url}/`) }
        : node,
  )
}
