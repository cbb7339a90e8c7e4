import { join } from 'node:path'
import type { FlowNode } from '../node-red-process.ts'
import { freePorts, tempFolder } from '../processes.ts'

/** Ports and data folder of their own for the hubs of an example, so that examples and other runs do not meet. */
export async function apart(flow: FlowNode[]): Promise<FlowNode[]> {
  const ports = await freePorts(20)
  return flow.map(node =>
    node.type === 'loom-hub'
      ? {
          ...node,
          dataDir: join(tempFolder('example'), 'hub'),
          listeners: (node.listeners as { port: number }[]).map(listener => ({ ...listener, port: ports.pop() })),
        }
      : node,
  )
}
