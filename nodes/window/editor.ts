import type { EditorNodeInstance, EditorRED } from 'node-red'
import { functions, units, validAggregates, type WindowNodeConfig } from './config.ts'

declare const RED: EditorRED

type Row = WindowNodeConfig['aggregates'][number]
const notNegative = (value: unknown) => value !== '' && Number(value) >= 0

function aggregateRow(
  dialog: EditorNodeInstance<WindowNodeConfig>,
  item: JQuery,
  { name = '', fn = 'avg', field = '' }: Partial<Row>,
): void {
  const line = $('<div style="display:flex; gap:6px; align-items:center">').appendTo(item)
  const text = (key: string): string => dialog._(`window.aggregate.${key}`)
  const select = $('<select class="loom-fn" style="width:110px">').attr('aria-label', text('fn')).appendTo(line)
  for (const value of functions) select.append($('<option>').val(value).text(value))
  select.val(fn)
  for (const [cls, key, value] of [
    ['loom-field', 'field', field],
    ['loom-name', 'name', name],
  ] as const) {
    $('<input type="text" style="flex:1; min-width:60px">')
      .addClass(cls)
      .attr({ 'aria-label': text(key), placeholder: text(key) })
      .val(value)
      .appendTo(line)
  }
}

function aggregatesOf(list: JQuery): Row[] {
  const rows = (list as unknown as { editableList(command: 'items'): JQuery }).editableList('items')
  return rows.toArray().map(item => {
    const fn = $(item).find('.loom-fn').val() as Row['fn']
    const field = String($(item).find('.loom-field').val()).trim()
    const name = String($(item).find('.loom-name').val()).trim()
    return { name: name || (field ? `${fn}_${field}` : fn), fn, field }
  })
}

RED.nodes.registerType<WindowNodeConfig>('loom-window', {
  category: 'IoT insights',
  color: '#c0deed',
  icon: 'window.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    size: { value: 1, required: true, validate: v => Number(v) > 0 },
    unit: { value: 'min', validate: v => Object.hasOwn(units, v) },
    offsetMs: { value: 0, validate: v => v === '' || Number.isFinite(Number(v)) },
    boundary: { value: 'start' },
    key: { value: '' },
    aggregates: {
      value: [
        { name: 'count', fn: 'count', field: '' },
        { name: 'avg', fn: 'avg', field: 'value' },
      ],
      validate: v => validAggregates(v as unknown as Row[]),
    },
    outOfOrderMs: { value: 2000, required: true, validate: notNegative },
    lateMs: { value: 0, required: true, validate: notNegative },
    latePolicy: { value: 'output' },
    watermark: { value: 'global' },
    idleMs: { value: 30_000, required: true, validate: notNegative },
    earlyMs: { value: 300_000, required: true, validate: notNegative },
    emitEmpty: { value: 'none' },
    updates: { value: 'final' },
    output: { value: 'array' },
    form: { value: 'results' },
  },
  paletteLabel: 'window',
  label() {
    return this.name || `${this.size} ${this.unit}`
  },
  outputLabels(index) {
    return this._(index === 0 ? 'window.port.results' : 'window.port.late')
  },
  oneditprepare() {
    const list = $('#node-input-aggregates-container') as JQuery & { editableList(o: object): JQuery }
    list.editableList({
      addItem: (item: JQuery, _index: number, data: Partial<Row>) => aggregateRow(this, item, data),
      addButton: this._('window.aggregate.add'),
      removable: true,
      sortable: true,
      height: 'auto',
    })
    for (const row of this.aggregates) (list as any).editableList('addItem', row)
  },
  oneditsave() {
    this.aggregates = aggregatesOf($('#node-input-aggregates-container'))
  },
})
