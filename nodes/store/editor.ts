import type { EditorRED } from 'node-red'
import type { StoreConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<StoreConfig>('loom-store', {
  category: 'IoT actions',
  color: '#f0d9a8',
  icon: 'store.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    class: { value: 'default' },
    stream: { value: '' },
    duplicates: { value: 'merge' },
    acknowledge: { value: true },
  },
  paletteLabel: 'store',
  label() {
    return this.name || (this.class === 'default' ? 'store' : `store ${this.class}`)
  },
})
