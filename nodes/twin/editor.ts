import type { EditorRED } from 'node-red'
import { type TwinConfig, validShadow } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<TwinConfig>('loom-twin', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'twin.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    action: { value: 'get' },
    device: { value: 'device', required: true },
    deviceType: { value: 'msg' },
    shadow: { value: '', validate: name => validShadow(name) },
    check: { value: true },
  },
  paletteLabel: 'twin',
  label() {
    return this.name || this._(`twin.action.${this.action || 'get'}`)
  },
  oneditprepare() {
    const device = $('#node-input-device')
    device.typedInput({
      default: 'msg',
      types: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
      typeField: '#node-input-deviceType',
    } as never)
    // The label belongs to the input that the widget hides.
    device.closest('.form-row').find('input.red-ui-typedInput-input').attr('aria-label', this._('twin.device'))
    const action = $('#node-input-action')
    action.on('change', () => void $('.loom-twin-check').toggle(action.val() !== 'get')).trigger('change')
  },
})
