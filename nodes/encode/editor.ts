import type { EditorRED } from 'node-red'
import { validLayout, validSeparator, validVersion } from '../../src/fields/codec-fields.ts'
import { isChosen } from '../../src/fields/config-node.ts'
import type { EncodeConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<EncodeConfig>('loom-encode', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'encode.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    format: { value: 'json' },
    schemas: {
      value: '',
      type: 'loom-schema',
      required: false,
      validate(this: EncodeConfig, schemas: unknown) {
        const needed = this.format === 'avro' || this.format === 'protobuf'
        return isChosen(schemas) || !needed || Boolean(this.schemaText)
      },
    } as never,
    subject: { value: '' },
    version: { value: '', validate: validVersion },
    schemaText: { value: '' },
    message: { value: '' },
    frame: { value: 'auto' },
    columns: { value: '' },
    separator: { value: '', validate: validSeparator },
    decimal: { value: '.' },
    extended: { value: false },
    layout: {
      value: '',
      validate(this: EncodeConfig, layout: string) {
        return this.format !== 'layout' || validLayout(layout)
      },
    } as never,
    compression: { value: 'none' },
    timeMember: { value: '' },
  },
  paletteLabel: 'encode',
  label() {
    return this.name || `encode ${this.format}`
  },
  oneditprepare() {
    const format = $('#node-input-format')
    const show = (): void => {
      const chosen = String(format.val())
      $('.loom-csv').toggle(chosen === 'csv')
      $('.loom-cayenne').toggle(chosen === 'cayenne')
      $('.loom-layout').toggle(chosen === 'layout')
      $('.loom-protobuf').toggle(chosen === 'protobuf')
      $('.loom-schemas').toggle(['avro', 'protobuf'].includes(chosen))
    }
    format.on('change', show)
    show()
  },
})
