import type { EditorRED } from 'node-red'
import { typedInputs } from '../../src/editor/typed-inputs.ts'
import { type ConfigurationConfig, validCanary, validPriority } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<ConfigurationConfig>('loom-configuration', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'configuration.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    action: { value: 'put' },
    configuration: { value: 'configuration' },
    configurationType: { value: 'msg' },
    dialect: { value: 'aws' },
    query: { value: '' },
    queryType: { value: 'str' },
    priority: { value: 0, validate: priority => validPriority(priority) },
    desired: { value: '{}' },
    desiredType: { value: 'json' },
    canary: { value: '', validate: canary => validCanary(canary) },
    progress: { value: 'own' },
  },
  paletteLabel: 'configuration',
  label() {
    const id = this.configurationType === 'str' ? ` ${this.configuration}` : ''
    return this.name || `${this._(`configuration.action.${this.action || 'put'}`)}${id}`
  },
  outputLabels(index) {
    return this._(index === 0 ? 'configuration.outputs.result' : 'configuration.outputs.progress')
  },
  oneditprepare() {
    typedInputs(
      {
        configuration: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
        query: ['str', 'json', 'msg', 'flow', 'global', 'env', 'jsonata'],
        desired: ['json', 'msg', 'flow', 'global', 'env', 'jsonata'],
      },
      field => this._(`configuration.${field}`),
    )
    const action = $('#node-input-action')
    action
      .on('change', () => {
        const chosen = action.val()
        $('.loom-configuration-id').toggle(chosen !== 'list')
        $('.loom-configuration-put').toggle(chosen === 'put')
        $('.loom-configuration-share').toggle(chosen === 'put' || chosen === 'promote')
      })
      .trigger('change')
  },
})
