import type { EditorRED } from 'node-red'
import type { CertificateConfig, CertificateCredentials } from './config.ts'

declare const RED: EditorRED

const shown: Record<string, readonly string[]> = {
  issue: ['device', 'key', 'days'],
  sign: ['device', 'days'],
  renew: ['device', 'key', 'days', 'overlap'],
  revoke: ['device', 'reason'],
  p12: ['password'],
}
const rows = ['device', 'key', 'days', 'overlap', 'reason', 'password'] as const

RED.nodes.registerType<CertificateConfig, CertificateCredentials>('loom-certificate', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'certificate.svg',
  inputs: 1,
  outputs: 3,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    action: { value: 'issue' },
    device: { value: '' },
    keyType: { value: '' },
    days: {
      value: '',
      validate: days => String(days) === '' || (Number.isInteger(Number(days)) && Number(days) >= 1 && Number(days) <= 3650),
    },
    overlapDays: { value: 7, validate: days => String(days) === '' || (Number(days) >= 0 && Number(days) <= 366) },
    reason: { value: 'unspecified' },
    watch: { value: '' },
  },
  credentials: { password: { type: 'password' } },
  paletteLabel: 'certificate',
  label() {
    return this.name || this._(`certificate.action.${this.action || 'issue'}`)
  },
  outputLabels(index) {
    return [this._('certificate.output.certificate'), this._('certificate.output.key'), this._('certificate.output.expiry')][
      index
    ]
  },
  oneditprepare() {
    const action = $('#node-input-action')
    const show = (): void => {
      const wanted = shown[String(action.val())] ?? []
      for (const row of rows) $(`.loom-certificate-${row}`).toggle(wanted.includes(row))
    }
    action.on('change', show)
    show()
  },
})
