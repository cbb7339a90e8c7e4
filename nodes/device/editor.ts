import type { EditorRED } from 'node-red'
import type { DeviceConfig } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<DeviceConfig>('loom-device', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'device.svg',
  inputs: 1,
  outputs: 3,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    action: { value: 'get' },
    credential: { value: 'sas' },
    revokeOld: { value: false },
  },
  paletteLabel: 'device',
  label() {
    return this.name || this._(`device.action.${this.action || 'get'}`)
  },
  outputLabels(index) {
    const labels = [this._('device.output.records'), this._('device.output.secrets'), this._('device.output.results')]
    return labels[index]
  },
  oneditprepare() {
    const action = $('#node-input-action')
    const show = (): void => {
      const chosen = String(action.val())
      $('.loom-device-credential').toggle(['create', 'credential', 'rotate'].includes(chosen))
      $('.loom-device-rotate').toggle(chosen === 'rotate')
    }
    action.on('change', show)
    show()
  },
})
