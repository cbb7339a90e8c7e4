import type { EditorNodeInstance, EditorRED } from 'node-red'
import { between } from '../../src/fields/between.ts'
import type { ActionConfig, ActionCredentials } from './config.ts'

declare const RED: EditorRED

type Named = ActionConfig['headers'][number]
type ListOf = JQuery & { editableList(o: object | 'addItem' | 'items', row?: unknown): JQuery }
const fixedHost = /^\s*https?:\/\/[^\s/?#$@{}\\]+([/?#]|\s*$)/i

function openList(dialog: EditorNodeInstance<ActionConfig>, list: ListOf, rows: readonly Named[]): void {
  list.editableList({
    addItem(item: JQuery, _index: number, { name = '', value = '' }: Partial<Named>) {
      const line = $('<div style="display:flex; gap:6px">').appendTo(item)
      for (const [key, text, grow] of [
        ['name', name, 2],
        ['value', value, 3],
      ] as const)
        $('<input type="text" spellcheck="false" style="min-width:40px">')
          .css('flex', grow)
          .addClass(`loom-${key}`)
          .attr({ 'aria-label': dialog._(`action.row.${key}`), placeholder: dialog._(`action.row.${key}`) })
          .val(text)
          .appendTo(line)
    },
    addButton: dialog._('action.row.add'),
    removable: true,
    sortable: true,
    height: 'auto',
  })
  for (const row of rows) list.editableList('addItem', row)
}

const rowsOf = (list: ListOf): Named[] =>
  list
    .editableList('items')
    .toArray()
    .map(item => ({
      name: String($(item).find('.loom-name').val()).trim(),
      value: String($(item).find('.loom-value').val()),
    }))
    .filter(({ name, value }) => name || value)

/** Choices that no language has other words for. */
function choose(field: string, values: readonly (string | number)[], chosen: string | number): void {
  const select = $(`#node-input-${field}`)
  for (const value of values) select.append($('<option>').val(value).text(value))
  select.val(chosen)
}

RED.nodes.registerType<ActionConfig, ActionCredentials>('loom-action', {
  category: 'IoT insights',
  color: '#c0deed',
  icon: 'action.svg',
  inputs: 1,
  outputs: 2,
  defaults: {
    name: { value: '' },
    hub: { value: '', type: 'loom-hub', required: false },
    kind: { value: 'webhook' },
    url: {
      value: '',
      validate(value) {
        return this.kind === 'republish' || fixedHost.test(value)
      },
    },
    method: { value: 'POST' },
    headers: { value: [] },
    auth: { value: 'none' },
    authName: {
      value: '',
      validate(value) {
        return this.kind === 'republish' || this.auth !== 'header' || value.trim() !== ''
      },
    },
    topic: {
      value: '',
      validate(value) {
        return this.kind === 'webhook' || (value.trim() !== '' && Boolean(this.hub))
      },
    },
    qos: { value: 0 },
    properties: { value: [] },
    body: { value: '' },
    each: { value: 'message' },
    tries: { value: 3, required: true, validate: between(1, 10) },
    timeoutS: { value: 10, required: true, validate: between(1, 60) },
  },
  credentials: { secret: { type: 'password' } },
  paletteLabel: 'action',
  label() {
    if (this.name) return this.name
    const [, host] = /^\s*https?:\/\/([^\s/?#]+)/i.exec(this.url) ?? []
    return (this.kind === 'republish' ? this.topic : host) || 'action'
  },
  outputLabels(index) {
    return [this._('action.output.done'), this._('action.output.failed')][index]
  },
  oneditprepare() {
    openList(this, $('#node-input-headers-container') as ListOf, this.headers ?? [])
    openList(this, $('#node-input-properties-container') as ListOf, this.properties ?? [])
    choose('method', ['POST', 'PUT', 'PATCH', 'GET', 'DELETE'], this.method)
    choose('qos', [0, 1], Number(this.qos))
    const [kind, auth] = [$('#node-input-kind'), $('#node-input-auth')]
    const show = (): void => {
      const webhook = kind.val() !== 'republish'
      const proof = String(auth.val())
      $('.loom-action-webhook').toggle(webhook)
      $('.loom-action-republish').toggle(!webhook)
      $('.loom-action-auth-name').toggle(webhook && (proof === 'basic' || proof === 'header'))
      $('.loom-action-secret').toggle(webhook)
      $('label[for="node-input-authName"]').text(this._(proof === 'basic' ? 'action.auth.user' : 'action.auth.name'))
    }
    kind.on('change', show)
    auth.on('change', show)
    show()
  },
  oneditsave() {
    this.headers = rowsOf($('#node-input-headers-container') as ListOf)
    this.properties = rowsOf($('#node-input-properties-container') as ListOf)
  },
})
