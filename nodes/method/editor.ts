import type { EditorRED } from 'node-red'
import { prepareTargets, targetDefaults } from '../../src/editor/command-targets.ts'
import { between } from '../../src/fields/between.ts'
import { validAtOnce } from '../../src/fields/target-fields.ts'
import type { MethodConfig } from './config.ts'

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
    ...targetDefaults,
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
    prepareTargets(field => this._(`method.${field}`))
  },
})
