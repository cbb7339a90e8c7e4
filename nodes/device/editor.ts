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
    overlapDays: { value: 7, validate: days => String(days) === '' || (Number(days) >= 0 && Number(days) <= 366) },
    slot: { value: 'primary' },
    revokeReason: { value: 'unspecified' },
    telemetry: { value: 'keep' },
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
    const revokeOld = $('#node-input-revokeOld')
    const show = (): void => {
      const chosen = String(action.val())
      $('.loom-device-credential').toggle(['create', 'credential', 'rotate'].includes(chosen))
      $('.loom-device-rotate').toggle(chosen === 'rotate')
      $('.loom-device-overlap').toggle(chosen === 'rotate' && !revokeOld.is(':checked'))
      $('.loom-device-regenerate').toggle(chosen === 'regenerate')
      $('.loom-device-revoke').toggle(chosen === 'revoke')
      $('.loom-device-retire').toggle(chosen === 'retire')
    }
    action.on('change', show)
    revokeOld.on('change', show)
    show()
  },
})
