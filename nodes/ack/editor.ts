import type { EditorRED } from 'node-red'
import type { AckConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<AckConfig>('loom-ack', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'ack.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    do: { value: 'ack' },
    retryDelayMs: { value: 1000, required: true, validate: v => Number(v) >= 0 },
  },
  paletteLabel: 'ack',
  label() {
    return this.name || this._(`ack.do.${this.do || 'ack'}`)
  },
  oneditprepare() {
    const action = $('#node-input-do')
    action.on('change', () => void $('.loom-ack-delay').toggle(action.val() === 'retry')).trigger('change')
  },
})
