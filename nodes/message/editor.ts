import type { EditorRED } from 'node-red'
import { prepareTargets, targetDefaults } from '../../src/editor/command-targets.ts'
import { validAtOnce } from '../../src/fields/target-fields.ts'
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
    ...targetDefaults,
    atOnce: { value: 16, validate: validAtOnce },
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
    prepareTargets(field => this._(`message.${field}`))
    const feedback = $('#node-input-feedback')
    feedback.on('change', () => void $('.loom-message-feedback').toggle(feedback.is(':checked'))).trigger('change')
  },
})
