import type { EditorNodeInstance, EditorRED } from 'node-red'
import {
  between,
  dialectChoices,
  type FaultField,
  faultChoices,
  modelChoices,
  recordingChoices,
  type SimulatorConfig,
  validCount,
  validFaults,
  validShadow,
} from './config.ts'

declare const RED: EditorRED

type Dialog = EditorNodeInstance<SimulatorConfig>

/** The number inputs of a fault; `probability` is a share, the rest whole units. */
const numbers = ['probability', 'everyMs', 'durationMs', 'magnitude'] as const
const texts = ['point', 'devices'] as const

function faultRow(dialog: Dialog, row: JQuery, data: Partial<FaultField>): void {
  const text = (key: string): string => dialog._(`simulator.fault.${key}`)
  const line = $('<div style="display:flex; gap:6px; align-items:center; margin:0; flex-wrap:wrap">').appendTo(row)
  const select = $('<select class="loom-kind" style="width:130px">').attr('aria-label', text('kind')).appendTo(line)
  for (const kind of faultChoices)
    select.append(
      $('<option>')
        .val(kind)
        .text(text(`kinds.${kind}`)),
    )
  select.val(data.kind ?? 'spike')
  for (const name of [...numbers, ...texts]) {
    const input = $('<input>').attr({
      type: texts.includes(name as 'point') ? 'text' : 'number',
      step: 'any',
      class: `loom-${name}`,
      'aria-label': text(name),
      title: text(name),
      placeholder: text(name),
    })
    input
      .css('width', '125px')
      .val(data[name] ?? '')
      .appendTo(line)
  }
}

function choicesIn<T extends string>(select: JQuery, choices: readonly T[], textOf: (choice: T) => string, chosen: string): void {
  for (const choice of choices) select.append($('<option>').val(choice).text(textOf(choice)))
  select.val(chosen)
}

function faultsOf(list: JQuery): FaultField[] {
  const rows = (list as unknown as { editableList(command: 'items'): JQuery }).editableList('items')
  return rows.toArray().map(item => {
    const read = (name: string): string => String($(item).find(`.loom-${name}`).val()).trim()
    const number = (name: string): number | string => (read(name) === '' ? '' : Number(read(name)))
    return {
      kind: read('kind'),
      point: read('point'),
      probability: number('probability'),
      everyMs: number('everyMs'),
      durationMs: number('durationMs'),
      magnitude: number('magnitude'),
      devices: read('devices'),
    }
  })
}

function recordingInput(dialog: Dialog): void {
  const text = (key: string): string => dialog._(`simulator.recordingKind.${key}`)
  const input = $('#node-input-recording') as JQuery & { typedInput(o: object | string): JQuery & string }
  input.typedInput({
    default: 'none',
    typeField: '#node-input-recordingType',
    types: [
      { value: 'none', label: text('none'), hasValue: false },
      { value: 'name', label: text('name'), options: recordingChoices.map(value => ({ value, label: value })) },
      { value: 'path', label: text('path'), icon: 'fa fa-file-text-o' },
    ],
  })
  input.on('change', () => void $('.loom-recording').toggle(input.typedInput('type') !== 'none')).trigger('change')
}

RED.nodes.registerType<SimulatorConfig>('loom-simulator', {
  category: 'IoT things',
  color: '#8fc7b8',
  icon: 'simulator.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    count: { value: 50, required: true, validate: v => validCount(v) },
    startDevices: { value: false },
    idPrefix: { value: 'sim-', required: true, validate: v => /^[A-Za-z0-9][A-Za-z0-9:._-]{0,50}$/.test(v) },
    dialect: { value: 'plain' },
    shadow: {
      value: '',
      validate(value) {
        return this.dialect !== 'aws' || validShadow(value ?? '')
      },
    },
    model: { value: 'mixed' },
    intervalMs: { value: 1000, required: true, validate: v => between(10, 86_400_000, true)(v) },
    speed: { value: 1, required: true, validate: v => between(0.001, 100_000)(v) },
    seed: { value: '1' },
    faults: { value: [], validate: v => validFaults(v as unknown as FaultField[]) },
    recording: {
      value: '',
      validate(value) {
        return !this.recordingType || this.recordingType === 'none' || Boolean(value)
      },
    },
    recordingType: { value: 'none' },
    timeColumn: { value: '' },
    recordingDevices: { value: 1, validate: v => between(1, 10_000, true)(v) },
    recordingSpeed: { value: 3600, validate: v => between(0.001, 100_000_000)(v) },
    keepTimes: { value: false },
    jitterMs: { value: 0, validate: v => between(0, 3_600_000, true)(v) },
    disconnectsPerHour: { value: 0, validate: v => between(0, 3600)(v) },
    rampPerSecond: { value: 15, required: true, validate: v => between(0.1, 10_000)(v) },
    autostart: { value: true },
  },
  paletteLabel: 'simulator',
  label() {
    return this.name || `${this.count} × ${this.model}`
  },
  inputLabels: 'start, stop, set, inject, renew, credential',
  outputLabels(index) {
    return this._(index === 0 ? 'simulator.output.state' : 'simulator.output.faults')
  },
  oneditprepare() {
    choicesIn($('#node-input-model'), modelChoices, choice => this._(`simulator.models.${choice}`), this.model)
    const dialect = $('#node-input-dialect')
    choicesIn(dialect, dialectChoices, choice => this._(`simulator.dialects.${choice}`), this.dialect ?? 'plain')
    dialect.on('change', () => void $('.loom-shadow').toggle(dialect.val() === 'aws')).trigger('change')
    // Only flows that the start script makes have it.
    $('.loom-start-devices').toggle(this.startDevices)
    recordingInput(this)
    const list = $('#node-input-faults-container') as JQuery & { editableList(...o: unknown[]): JQuery }
    list.editableList({
      addItem: (row: JQuery, _index: number, data: Partial<FaultField>) => faultRow(this, row, data),
      addButton: this._('simulator.fault.add'),
      removable: true,
      height: 'auto',
    })
    for (const fault of this.faults) list.editableList('addItem', fault)
  },
  oneditsave() {
    this.faults = faultsOf($('#node-input-faults-container'))
  },
})
