import type { EditorNodeInstance, EditorRED } from 'node-red'
import { type EnrichmentRow, enrichmentFault, enrichmentSources, missingPolicies } from '../../src/routing/enrichment-row.ts'
import { isChosen } from '../../src/fields/config-node.ts'
import type { EnrichConfig } from './config.ts'

declare const RED: EditorRED

const atLeast = (least: number) => (value: unknown) => value !== '' && Number(value) >= least
const byKey: readonly string[] = ['table', 'flow', 'global']
const askHub: readonly string[] = ['tags', 'attributes', 'desired', 'reported', 'groups', 'gateway', 'table']
const line = '<div style="display:flex; gap:6px; align-items:center; margin-bottom:4px">'

function enrichmentRow(
  dialog: EditorNodeInstance<EnrichConfig>,
  item: JQuery,
  {
    to = '',
    into = 'values',
    from = 'tags',
    path = '',
    name = '',
    key = 'device',
    keyType = 'reading',
    missing = 'omit',
  }: Partial<EnrichmentRow>,
): void {
  const text = (what: string): string => dialog._(`enrich.row.${what}`)
  const select = (cls: string, values: readonly string[], value: string, line: JQuery): JQuery => {
    const made = $('<select style="flex:1; min-width:80px; width:auto">')
      .addClass(cls)
      .attr('aria-label', text(`${cls.slice(5)}.label`))
    for (const one of values)
      made.append(
        $('<option>')
          .val(one)
          .text(text(`${cls.slice(5)}.${one}`)),
      )
    return made.val(value).appendTo(line)
  }
  const input = (cls: string, value: string, line: JQuery): JQuery =>
    $('<input type="text" style="flex:1; min-width:80px; width:auto">')
      .addClass(cls)
      .attr({ 'aria-label': text(cls.slice(5)), placeholder: text(cls.slice(5)) })
      .val(value)
      .appendTo(line)

  const target = $(line).appendTo(item)
  select('loom-into', ['values', 'properties'], into, target)
  input('loom-to', to, target)
  const source = $(line).appendTo(item)
  const chosen = select('loom-from', enrichmentSources, from, source)
  const named = input('loom-name', name, source)
  input('loom-path', path, source)
  const keyed = $(line).appendTo(item)
  $('<span style="min-width:60px">').text(text('key')).appendTo(keyed)
  // The widget takes the first width of the style, also the least one.
  const keyInput = input('loom-key', key, $('<div style="flex:1">').appendTo(keyed)).attr('style', 'width:100%')
  keyInput.typedInput({
    types: [{ value: 'reading', label: text('reading'), hasValue: true }, 'msg', 'str'],
    default: keyType,
  } as never)
  keyInput.typedInput('type', keyType)
  keyed.find('input.red-ui-typedInput-input').attr('aria-label', text('key'))
  const last = $(line).appendTo(item)
  $('<span style="min-width:60px">').text(text('missing.label')).appendTo(last)
  select('loom-missing', missingPolicies, missing, last)
  chosen
    .on('change', () => {
      const keys = byKey.includes(String(chosen.val()))
      keyed.toggle(keys)
      named.toggle(keys)
    })
    .trigger('change')
}

function rowsIn(list: JQuery): EnrichmentRow[] {
  const items = (list as unknown as { editableList(command: 'items'): JQuery }).editableList('items')
  return items.toArray().map(element => {
    const item = $(element)
    const text = (cls: string): string => String(item.find(`.loom-${cls}`).val() ?? '')
    const key = item.find('.loom-key')
    return {
      to: text('to').trim(),
      into: text('into') as EnrichmentRow['into'],
      from: text('from') as EnrichmentRow['from'],
      path: text('path'),
      name: text('name').trim(),
      key: String(key.typedInput('value')),
      keyType: key.typedInput('type') as EnrichmentRow['keyType'],
      missing: text('missing') as EnrichmentRow['missing'],
    }
  })
}

RED.nodes.registerType<EnrichConfig>('loom-enrich', {
  category: 'IoT insights',
  color: '#c0deed',
  icon: 'enrich.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: {
      value: '',
      type: 'loom-hub',
      required: false,
      validate(this: EnrichConfig, hub: unknown) {
        return isChosen(hub) || !(this.rows ?? []).some(({ from, path }) => askHub.includes(from) || /^\$twin\./i.test(path))
      },
    } as never,
    rows: {
      value: [
        { to: 'site', into: 'values', from: 'tags', path: 'site', name: '', key: 'device', keyType: 'reading', missing: 'omit' },
      ],
      validate: v => (v as unknown as EnrichmentRow[]).every(row => !enrichmentFault(row)),
    },
    cacheMs: { value: 60_000, required: true, validate: atLeast(0) },
    cacheEntries: { value: 10_000, required: true, validate: atLeast(1) },
  },
  paletteLabel: 'enrich',
  label() {
    return this.name || this.rows.map(({ to }) => to).join(', ') || 'enrich'
  },
  outputLabels(index) {
    return this._(index === 0 ? 'enrich.port.enriched' : 'enrich.port.failed')
  },
  oneditprepare() {
    const list = $('#node-input-rows-container') as JQuery & { editableList(o: object): JQuery }
    list.editableList({
      addItem: (item: JQuery, _index: number, data: Partial<EnrichmentRow>) => enrichmentRow(this, item, data),
      addButton: this._('enrich.row.add'),
      removable: true,
      sortable: true,
      height: 'auto',
    })
    for (const row of this.rows) (list as any).editableList('addItem', row)
  },
  oneditsave() {
    this.rows = rowsIn($('#node-input-rows-container'))
  },
})
