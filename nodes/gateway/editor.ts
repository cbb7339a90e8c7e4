import type { EditorRED } from 'node-red'
import { type GatewayConfig, validGateway } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<GatewayConfig>('loom-gateway', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'gateway.svg',
  inputs: 1,
  outputs: 3,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    gateway: { value: '', required: true, validate: id => validGateway(id) },
    action: { value: 'telemetry' },
    register: { value: false },
  },
  paletteLabel: 'gateway',
  label() {
    return this.name || this.gateway || 'gateway'
  },
  outputLabels(index: number) {
    return this._(`gateway.output.${['done', 'call', 'message'][index]}`)
  },
})
