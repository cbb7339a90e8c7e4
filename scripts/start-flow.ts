interface FlowNode {
  id: string
  type: string
  [field: string]: unknown
}
interface Listener {
  kind: string
  host: string
  port: number | string
}

export interface StartSettings {
  host: string
  mqttPort: number
  mqttsPort: number
  /** undefined leaves what the flow says */
  devices: number | undefined
}

export const demoHub = 'demo'

/** The starting flow with this start's addresses and number of simulated devices; the rest, the user's edits included, stays as it is. */
export function withStartSettings(flow: readonly FlowNode[], { host, mqttPort, mqttsPort, devices }: StartSettings): FlowNode[] {
  const ports: Record<string, number> = { mqtt: mqttPort, mqtts: mqttsPort }
  return flow.map(node => {
    if (node.type === 'loom-hub' && node.hubId === demoHub) {
      const listeners = (node.listeners as Listener[]).map(listener => ({
        ...listener,
        host: listener.kind === 'mqtts' ? host : listener.host,
        port: ports[listener.kind] ?? listener.port,
      }))
      return { ...node, host, listeners }
    }
    if (node.type === 'loom-simulator' && node.startDevices === true && devices !== undefined) return { ...node, count: devices }
    return node
  })
}
