import type { EditorNodeInstance, EditorRED } from 'node-red'
import { validVersion } from '../../src/fields/codec-fields.ts'
import { modes, type SchemaConfig, type SchemaRuleField, validRules } from './config.ts'

declare const RED: EditorRED

type List = JQuery & { editableList(o: unknown): JQuery }

function ruleRow(dialog: EditorNodeInstance<SchemaConfig>, row: JQuery, data: Partial<SchemaRuleField>): void {
  const line = $('<div style="display:flex; gap:6px; flex-wrap:wrap">').appendTo(row)
  const kind = $('<select class="loom-kind" style="width:110px">').attr('aria-label', dialog._('schema.rule.kind')).appendTo(line)
  for (const value of ['topic', 'firmware', 'model'])
    kind.append(
      $('<option>')
        .val(value)
        .text(dialog._(`schema.rule.${value}`)),
    )
  kind.val(data.kind ?? 'topic')
  for (const [name, width] of [
    ['match', '150px'],
    ['subject', '130px'],
    ['version', '70px'],
    ['message', '110px'],
  ] as const)
    $('<input type="text" spellcheck="false">')
      .addClass(`loom-${name}`)
      .css('width', width)
      .attr({ 'aria-label': dialog._(`schema.rule.${name}`), placeholder: dialog._(`schema.rule.${name}`) })
      .val(data[name] ?? '')
      .appendTo(line)
}

function rulesOf(list: JQuery): SchemaRuleField[] {
  const rows = (list as unknown as { editableList(command: 'items'): JQuery }).editableList('items')
  return rows.toArray().map(item => {
    const value = (name: string): string => String($(item).find(`.loom-${name}`).val()).trim()
    const kind = value('kind') as SchemaRuleField['kind']
    return { kind, match: value('match'), subject: value('subject'), version: value('version'), message: value('message') }
  })
}

RED.nodes.registerType<SchemaConfig>('loom-schema', {
  category: 'config',
  color: '#c0deed',
  icon: 'schema.svg',
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: true },
    rules: { value: [], validate: value => validRules(value as unknown as SchemaRuleField[]) },
    subject: { value: '' },
    version: { value: '', validate: value => validVersion(value) },
    message: { value: '' },
    reader: { value: 'latest' },
    readerSubject: { value: '' },
    readerVersion: { value: '', validate: value => validVersion(value) },
    compatibility: { value: 'hub' },
    firmwarePath: { value: 'firmware' },
  },
  label() {
    return this.name || this.subject || this._('schema.label')
  },
  oneditprepare() {
    const dialog = this as EditorNodeInstance<SchemaConfig>
    const list = $('#node-config-input-rules-container') as List
    list.editableList({
      addItem: (row: JQuery, _: number, data: Partial<SchemaRuleField>) => ruleRow(dialog, row, data),
      addButton: dialog._('schema.rule.add'),
      removable: true,
      sortable: true,
      height: 'auto',
    })
    for (const rule of dialog.rules ?? []) (list as any).editableList('addItem', rule)
    const compatibility = $('#node-config-input-compatibility')
    for (const mode of modes) compatibility.append($('<option>').val(mode).text(mode))
    compatibility.val(this.compatibility || 'hub')
    const reader = $('#node-config-input-reader')
    const show = (): void => void $('.loom-schema-pinned').toggle(reader.val() === 'pinned')
    reader.on('change', show)
    show()
  },
  oneditsave() {
    this.rules = rulesOf($('#node-config-input-rules-container'))
  },
})
