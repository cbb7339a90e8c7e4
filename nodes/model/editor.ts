import type { EditorRED } from 'node-red'
import { typedInputs } from '../../src/editor/typed-inputs.ts'
import type { ModelConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<ModelConfig>('loom-model', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'model.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    action: { value: 'validate' },
    model: { value: 'model' },
    modelType: { value: 'msg' },
    source: { value: 'auto' },
    mode: { value: 'keep' },
    closed: { value: false },
    about: { value: 'telemetry' },
    method: { value: '' },
  },
  paletteLabel: 'model',
  label() {
    const id = this.modelType === 'str' && this.model ? ` ${this.model}` : ''
    return this.name || `${this._(`model.action.${this.action || 'validate'}`)}${id}`
  },
  outputLabels(index) {
    return this._(index === 0 ? 'model.outputs.result' : 'model.outputs.violations')
  },
  oneditprepare() {
    typedInputs({ model: ['msg', 'str', 'json', 'flow', 'global', 'env', 'jsonata'] }, field => this._(`model.${field}`))
    const [action, mode, about] = [$('#node-input-action'), $('#node-input-mode'), $('#node-input-about')]
    const show = (): void => {
      const chosen = action.val()
      $('.loom-model-put').toggle(chosen === 'put')
      $('.loom-model-closed').toggle(chosen === 'put' && mode.val() !== 'keep')
      $('.loom-model-validate').toggle(chosen === 'validate')
      $('.loom-model-method').toggle(chosen === 'validate' && ['command', 'answer'].includes(String(about.val())))
    }
    for (const field of [action, mode, about]) field.on('change', show)
    show()
  },
})
