import type { EditorRED } from 'node-red'
import type { TelemetryInConfig } from './config.ts'

declare const RED: EditorRED

const between = (low: number, high: number) => (value: unknown) =>
  Number.isInteger(Number(value)) && Number(value) >= low && Number(value) <= high

RED.nodes.registerType<TelemetryInConfig>('loom-telemetry-in', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'telemetry-in.svg',
  inputs: 0,
  outputs: 3,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    consumer: { value: '' },
    devices: { value: '' },
    topics: { value: '' },
    streams: { value: '' },
    ack: { value: 'delivery' },
    start: { value: 'latest' },
    startTime: {
      value: '',
      validate(value) {
        return this.start !== 'time' || /^\d+$/.test(value) || !Number.isNaN(Date.parse(value))
      },
    },
    window: { value: 256, required: true, validate: between(1, 100_000) },
    batchMax: { value: 1, required: true, validate: between(1, 10_000) },
    batchLingerMs: { value: 20, required: true, validate: between(0, 60_000) },
    strictOrder: { value: false },
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
  oneditprepare() {
    const start = $('#node-input-start')
    start.on('change', () => void $('.loom-start-time').toggle(start.val() === 'time')).trigger('change')
    const max = $('#node-input-batchMax')
    max.on('change', () => void $('.loom-batch-linger').toggle(Number(max.val()) > 1)).trigger('change')
  },
})
