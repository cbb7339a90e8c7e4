import type { EditorRED } from 'node-red'
import { typedInputs } from '../../src/editor/typed-inputs.ts'
import type { GroupConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<GroupConfig>('loom-group', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'group.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    action: { value: 'add' },
    group: { value: 'group', required: true },
    groupType: { value: 'msg' },
    dialect: { value: 'aws' },
    query: { value: '' },
    queryType: { value: 'str' },
    listen: { value: true },
    groups: { value: '' },
    events: { value: [] },
    consumer: { value: '' },
    ack: { value: 'delivery' },
    start: { value: 'latest' },
  },
  paletteLabel: 'group',
  label() {
    const id = this.groupType === 'str' ? ` ${this.group}` : ''
    return this.name || `${this._(`group.action.${this.action || 'add'}`)}${id}`
  },
  outputLabels(index) {
    return this._(index === 0 ? 'group.outputs.result' : 'group.outputs.events')
  },
  oneditprepare() {
    typedInputs(
      {
        group: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
        query: ['str', 'json', 'msg', 'flow', 'global', 'env', 'jsonata'],
      },
      field => this._(`group.${field}`),
    )
    const action = $('#node-input-action')
    action.on('change', () => void $('.loom-group-create').toggle(action.val() === 'create')).trigger('change')
    const listen = $('#node-input-listen')
    listen.on('change', () => void $('.loom-group-listen').toggle(listen.is(':checked'))).trigger('change')
  },
})
