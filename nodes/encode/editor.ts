import type { EditorRED } from 'node-red'
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
        return Boolean(schemas && schemas !== '_ADD_') || !needed || Boolean(this.schemaText)
      },
    } as never,
    subject: { value: '' },
    version: { value: '', validate: value => !value || /^[1-9]\d{0,8}$/.test(value) },
    schemaText: { value: '' },
    message: { value: '' },
    frame: { value: 'auto' },
    columns: { value: '' },
    separator: { value: '', validate: value => !value || value === '\\t' || value.length === 1 },
    decimal: { value: '.' },
    extended: { value: false },
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
      $('.loom-protobuf').toggle(chosen === 'protobuf')
      $('.loom-schemas').toggle(['avro', 'protobuf'].includes(chosen))
    }
    format.on('change', show)
    show()
  },
})
