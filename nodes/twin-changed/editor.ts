import type { EditorRED } from 'node-red'
import { type TwinChangedConfig, validPaths } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<TwinChangedConfig>('loom-twin-changed', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'twin-changed.svg',
  inputs: 0,
  outputs: 1,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    consumer: { value: '' },
    devices: { value: '' },
    sections: { value: [] },
    paths: { value: '', validate: text => validPaths(text) },
    twins: { value: 'all' },
    shadows: { value: '' },
    ack: { value: 'delivery' },
    start: { value: 'latest' },
    strictOrder: { value: false },
  },
  paletteLabel: 'twin changed',
  label() {
    return this.name || [this.sections?.join(', '), this.paths].filter(Boolean).join(' ') || 'twin changed'
  },
  oneditprepare() {
    const twins = $('#node-input-twins')
    twins.on('change', () => void $('.loom-twin-names').toggle(twins.val() === 'named')).trigger('change')
  },
})
