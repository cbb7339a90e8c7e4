import type { EditorRED } from 'node-red'
import { between } from '../../src/fields/between.ts'
import { validLayout, validSeparator, validVersion } from '../../src/fields/codec-fields.ts'
import { isChosen } from '../../src/fields/config-node.ts'
import type { DecodeConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<DecodeConfig>('loom-decode', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'decode.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: {
      value: '',
      type: 'loom-hub',
      required: false,
      validate(this: DecodeConfig, hub: unknown) {
        return isChosen(hub) || !this.subject
      },
    } as never,
    format: { value: 'auto' },
    schemas: { value: '', type: 'loom-schema', required: false },
    message: { value: '' },
    columns: { value: '' },
    separator: { value: '', validate: validSeparator },
    decimal: { value: '.' },
    extended: { value: false },
    layout: {
      value: '',
      validate(this: DecodeConfig, layout: string) {
        return this.format !== 'layout' || validLayout(layout)
      },
    } as never,
    deviceNames: { value: 'edge' },
    waiting: { value: 128, validate: between(1, 10_000) },
    compression: { value: 'auto' },
    timeMember: { value: '' },
    keyFrames: { value: false },
    subject: { value: '' },
    version: { value: '', validate: validVersion },
  },
  paletteLabel: 'decode',
  label() {
    return this.name || (this.format === 'auto' ? 'decode' : `decode ${this.format}`)
  },
  outputLabels(index) {
    return this._(index === 0 ? 'decode.output.readings' : 'decode.output.problems')
  },
  oneditprepare() {
    const format = $('#node-input-format')
    const show = (): void => {
      const chosen = String(format.val())
      $('.loom-csv').toggle(chosen === 'csv')
      $('.loom-cayenne').toggle(chosen === 'cayenne')
      $('.loom-layout').toggle(chosen === 'layout')
      $('.loom-protobuf').toggle(['auto', 'protobuf'].includes(chosen))
      $('.loom-sparkplug').toggle(chosen === 'sparkplug')
      $('.loom-time').toggle(chosen !== 'sparkplug')
      $('.loom-schemas').toggle(['auto', 'avro', 'protobuf', 'json'].includes(chosen))
    }
    format.on('change', show)
    show()
  },
})
