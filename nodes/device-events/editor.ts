import type { EditorRED } from 'node-red'
import type { DeviceEventsConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<DeviceEventsConfig>('loom-device-events', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'device-events.svg',
  inputs: 0,
  outputs: 1,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    consumer: { value: '' },
    devices: { value: '' },
    events: { value: [] },
    ack: { value: 'delivery' },
    start: { value: 'latest' },
  },
  paletteLabel: 'device events',
  label() {
    return this.name || (this.events?.length ? this.events.join(', ') : 'device events')
  },
})
