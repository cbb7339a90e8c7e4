import type { EditorRED } from 'node-red'
import { type MessageConfig, validMinutes } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<MessageConfig>('loom-message', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'message.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    device: { value: 'device', required: true },
    deviceType: { value: 'msg' },
    ttlMinutes: { value: '', validate: minutes => validMinutes(minutes) },
    wish: { value: 'none' },
    contentType: { value: '' },
    feedback: { value: true },
    consumer: { value: '' },
    ack: { value: 'delivery' },
    start: { value: 'latest' },
  },
  paletteLabel: 'message',
  label() {
    return this.name || 'message'
  },
  outputLabels(index) {
    return [this._('message.output.queued'), this._('message.output.feedback')][index]
  },
  oneditprepare() {
    const device = $('#node-input-device')
    device.typedInput({
      default: 'msg',
      types: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
      typeField: '#node-input-deviceType',
    } as never)
    // The label belongs to the input that the widget hides.
    device.closest('.form-row').find('input.red-ui-typedInput-input').attr('aria-label', this._('message.device'))
    const feedback = $('#node-input-feedback')
    feedback.on('change', () => void $('.loom-message-feedback').toggle(feedback.is(':checked'))).trigger('change')
  },
})
