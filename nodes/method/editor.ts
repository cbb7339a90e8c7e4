import type { EditorRED } from 'node-red'
import { between, type MethodConfig, validAtOnce } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<MethodConfig>('loom-method', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'method.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    method: { value: '' },
    device: { value: 'device', required: true },
    deviceType: { value: 'msg' },
    connectTimeoutMs: { value: 0, validate: between(0, 300_000) },
    responseTimeoutMs: { value: 30_000, validate: between(1000, 300_000) },
    atOnce: { value: 20, validate: validAtOnce },
    wakes: { value: 'own' },
  },
  paletteLabel: 'method',
  label() {
    return this.name || this.method || 'method'
  },
  outputLabels(index) {
    return [this._('method.output.answer'), this._('method.output.wake')][index]
  },
  oneditprepare() {
    const device = $('#node-input-device')
    device.typedInput({
      default: 'msg',
      types: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
      typeField: '#node-input-deviceType',
    } as never)
    // The label belongs to the input that the widget hides.
    device.closest('.form-row').find('input.red-ui-typedInput-input').attr('aria-label', this._('method.device'))
  },
})
