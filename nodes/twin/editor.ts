import type { EditorRED } from 'node-red'
import { typedInputs } from '../../src/editor/typed-inputs.ts'
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
    typedInputs({ device: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'] }, field => this._(`twin.${field}`))
    const action = $('#node-input-action')
    action.on('change', () => void $('.loom-twin-check').toggle(action.val() !== 'get')).trigger('change')
  },
})
