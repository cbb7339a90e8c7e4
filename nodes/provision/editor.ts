import type { EditorRED } from 'node-red'
import { type ProvisionConfig, validEnrolments, validKinds, validTemplates } from './config.ts'

declare const RED: EditorRED

RED.nodes.registerType<ProvisionConfig>('loom-provision', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'provision.svg',
  inputs: 1,
  outputs: 5,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    kinds: { value: [], validate: kinds => validKinds(kinds as unknown as string[]) },
    templates: { value: '', validate: text => validTemplates(text) },
    enrolments: { value: '', validate: text => validEnrolments(text) },
  },
  paletteLabel: 'provision',
  label() {
    return this.name || [this.templates, this.enrolments].filter(Boolean).join(', ') || 'provision'
  },
  inputLabels: 'verdict, enrol, claim, pair, template, allow, pending, approve, deny',
  outputLabels(index) {
    const labels = [
      this._('provision.output.requests'),
      this._('provision.output.provisioned'),
      this._('provision.output.refused'),
      this._('provision.output.answers'),
      this._('provision.output.keys'),
    ]
    return labels[index]
  },
})
