import type { EditorRED } from 'node-red'
import { typedInputs } from '../../src/editor/typed-inputs.ts'
import { type FleetQueryConfig, validLimit } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<FleetQueryConfig>('loom-fleet-query', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'fleet-query.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    dialect: { value: 'aws' },
    query: { value: 'payload', required: true },
    queryType: { value: 'msg' },
    limit: { value: 100, required: true, validate: limit => validLimit(limit) },
    answer: { value: 'pages' },
  },
  paletteLabel: 'fleet query',
  label() {
    return this.name || (this.queryType === 'str' && this.query) || 'fleet query'
  },
  outputLabels(index) {
    return this._(index === 0 ? 'fleet-query.outputs.rows' : 'fleet-query.outputs.end')
  },
  oneditprepare() {
    typedInputs({ query: ['msg', 'str', 'json', 'flow', 'global', 'jsonata', 'env'] }, field => this._(`fleet-query.${field}`))
    const dialect = $('#node-input-dialect')
    dialect
      .on('change', () => void $('#loom-fleet-query-hint').text(this._(`fleet-query.hint.${dialect.val()}`)))
      .trigger('change')
  },
})
