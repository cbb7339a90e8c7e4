import type { EditorNodeInstance, EditorRED } from 'node-red'
import { type PoliciesTab, policiesTab } from './policies-tab.ts'
import {
  type HubConfig,
  type HubCredentials,
  type ListenerField,
  limitsAfter,
  listenerPorts,
  offeredLimits,
  validHubId,
  validKey,
  validListeners,
} from './config.ts'

declare const RED: EditorRED

type Dialog = EditorNodeInstance<HubConfig>
/** Of the columns of a listener, in their order. */
const listenerWidths = { kind: '190px', host: '125px', port: '85px' } as const
/** Kinds whose name does not say all. */
const explained: readonly string[] = ['https', 'shared']

/** A hub id that no other hub node of the workspace has. */
function freeHubId(own: string): string {
  const taken = new Set<string>()
  RED.nodes.eachConfig(other => {
    const { id, type, hubId } = other as unknown as { id: string; type: string; hubId?: string }
    if (type === 'loom-hub' && id !== own && hubId) taken.add(hubId)
    return true
  })
  for (let i = 1; ; i++) {
    const name = i === 1 ? 'hub' : `hub-${i}`
    if (!taken.has(name)) return name
  }
}

/** Of the dialog that is open. */
let policies: PoliciesTab | undefined

function listenerRow(dialog: Dialog, row: JQuery, data: Partial<ListenerField>): void {
  const { kind = 'mqtt', host = '', port = listenerPorts[kind], allowPlaintext = false } = data
  const text = (key: string): string => dialog._(`hub.listener.${key}`)
  const line = $('<div class="form-row" style="display:flex; gap:6px; align-items:center; margin:0; flex-wrap:wrap">').appendTo(
    row,
  )
  const select = $('<select class="loom-kind">').css('width', listenerWidths.kind).attr('aria-label', text('kind')).appendTo(line)
  for (const value of Object.keys(listenerPorts))
    select.append(
      $('<option>')
        .val(value)
        .text(explained.includes(value) ? text(value) : value),
    )
  const number = $('<input type="number" class="loom-port" min="0" max="65535">')
    .css('width', listenerWidths.port)
    .attr('aria-label', text('port'))
    .val(port)
  $('<input type="text" class="loom-host">')
    .css('width', listenerWidths.host)
    .attr({ 'aria-label': text('host'), placeholder: text('host') })
    .val(host)
    .appendTo(line)
  number.appendTo(line)
  const plain = $('<label style="width:auto; margin:0">').appendTo(line)
  $('<input type="checkbox" class="loom-plain" style="width:auto; margin:0 4px 0 0">')
    .prop('checked', allowPlaintext)
    .appendTo(plain)
  plain.append(document.createTextNode(text('allowPlaintext')))
  const showPlain = (): void => void plain.toggle(['mqtt', 'ws'].includes(String(select.val())))
  select.val(kind).on('change', () => {
    number.val(listenerPorts[select.val() as ListenerField['kind']])
    showPlain()
  })
  showPlain()
}

/** Names the columns once; each field has its name for screen readers. */
function listenerHeadings(dialog: Dialog): JQuery {
  const line = $('<div aria-hidden="true" style="display:flex; gap:6px; padding:4px 10px">')
  for (const [name, width] of Object.entries(listenerWidths))
    $('<span>')
      .css({ width, boxSizing: 'border-box' })
      .text(dialog._(`hub.listener.${name}`))
      .appendTo(line)
  return line
}

function listenersOf(list: JQuery): ListenerField[] {
  const rows = (list as unknown as { editableList(command: 'items'): JQuery }).editableList('items')
  return rows.toArray().map(item => {
    const row = $(item)
    return {
      kind: row.find('.loom-kind').val() as ListenerField['kind'],
      host: String(row.find('.loom-host').val()).trim(),
      port: Number(row.find('.loom-port').val()),
      allowPlaintext: row.find('.loom-plain').is(':checked') && row.find('.loom-plain').is(':visible'),
    }
  })
}

function limitRow(dialog: Dialog, name: string, input: JQuery): void {
  const id = `loom-hub-limit-${name}`
  const row = $('<div class="form-row">').appendTo('#node-config-input-limits-container')
  $('<label>')
    .attr('for', id)
    .text(dialog._(`hub.limit.${name}`))
    .appendTo(row)
  input.attr('id', id).appendTo(row)
}

function limitRows(dialog: Dialog): void {
  const { journalFull = 'block', storeTelemetry = true, ...limits } = dialog.limits ?? {}
  for (const [name, standard] of Object.entries(offeredLimits)) {
    const number = $('<input type="number" min="0" step="1">').attr(
      'placeholder',
      standard || dialog._(`hub.limitDefault.${name}`),
    )
    limitRow(dialog, name, number.val((limits[name] as number | undefined) ?? ''))
  }
  const full = $('<select>')
  for (const value of ['block', 'drop'])
    full.append(
      $('<option>')
        .val(value)
        .text(dialog._(`hub.journalFull.${value}`)),
    )
  limitRow(dialog, 'journalFull', full.val(String(journalFull)))
  limitRow(dialog, 'storeTelemetry', $('<input type="checkbox" style="width:auto">').prop('checked', storeTelemetry !== false))
}

function limitsOf(before: HubConfig['limits'] | undefined): HubConfig['limits'] {
  const input = (name: string): JQuery => $(`#loom-hub-limit-${name}`)
  const numbers = Object.keys(offeredLimits).map(name => [name, String(input(name).val())] as const)
  return limitsAfter(before, {
    ...Object.fromEntries(numbers),
    journalFull: String(input('journalFull').val()),
    storeTelemetry: input('storeTelemetry').is(':checked'),
  })
}

RED.nodes.registerType<HubConfig, HubCredentials>('loom-hub', {
  category: 'config',
  color: '#8fc7b8',
  icon: 'hub.svg',
  defaults: {
    name: { value: '' },
    hubId: { value: '', required: true, validate: v => validHubId(v) },
    dataDir: { value: '' },
    store: { value: 'sqlite' },
    broker: { value: 'embedded' },
    host: { value: '127.0.0.1', required: true },
    listeners: {
      value: [
        { kind: 'mqtt', host: '', port: 1883, allowPlaintext: false },
        { kind: 'mqtts', host: '', port: 8883, allowPlaintext: false },
      ],
      validate: v => validListeners(v as unknown as ListenerField[]),
    },
    hubNames: { value: '' },
    publicHost: { value: '' },
    allowAnonymous: { value: false },
    mainShadow: { value: '' },
    commandTopic: { value: '' },
    limits: { value: {} },
  },
  credentials: {
    key: { type: 'password' },
  },
  label() {
    return this.name || this.hubId || this._('hub.label')
  },
  oneditprepare() {
    if (!this.hubId) $('#node-config-input-hubId').val(freeHubId(this.id))
    const list = $('#node-config-input-listeners-container') as JQuery & { editableList(o: object): JQuery }
    list.editableList({
      addItem: (row: JQuery, _index: number, data: Partial<ListenerField>) => listenerRow(this, row, data),
      addButton: this._('hub.listener.add'),
      header: listenerHeadings(this),
      removable: true,
      height: 'auto',
    })
    for (const listener of this.listeners) (list as any).editableList('addItem', listener)
    limitRows(this)
    const key = $('#node-config-input-key')
    key.on('input change', () => void key.toggleClass('input-error', !validKey(String(key.val()))))
    const broker = $('#node-config-input-broker')
    broker.on('change', () => void $('.loom-hub-listeners').toggle(broker.val() === 'embedded')).trigger('change')
    policies = policiesTab({ hubId: this.hubId, words: (key, values) => this._(`hub.${key}`, { ...values }) })
  },
  oneditsave() {
    policies?.close()
    this.listeners = listenersOf($('#node-config-input-listeners-container'))
    this.limits = limitsOf(this.limits)
  },
  oneditcancel: () => policies?.close(),
  oneditdelete: () => policies?.close(),
})
