import type { EditorRED } from 'node-red'
import { consumerProperties, prepareConsumer } from '../../src/editor/consumer-fields.ts'
import type { TelemetryInConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<TelemetryInConfig>('loom-telemetry-in', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'telemetry-in.svg',
  inputs: 0,
  outputs: 3,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    ...consumerProperties,
  },
  paletteLabel: 'telemetry in',
  label() {
    return this.name || (this.devices.length > 24 ? `${this.devices.slice(0, 23)}…` : this.devices) || 'telemetry'
  },
  outputLabels(index) {
    return [
      this._('telemetry-in.output.telemetry'),
      this._('telemetry-in.output.notices'),
      this._('telemetry-in.output.quarantine'),
    ][index]
  },
  oneditprepare: prepareConsumer,
})
