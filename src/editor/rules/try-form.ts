import { eventSources } from '../../routing/rule-text.ts'
import type { AdminApi, Refusal } from '../admin-api.ts'
import { button, choice, field, fill, freshId, make, message, textInput } from '../panel/elements.ts'
import { type JsonEditor, openJsonEditor } from '../panel/json-editor.ts'
import { wordsOf } from '../panel/parts.ts'
import type { Words } from '../policy-view.ts'
import { type RecentMessage, tryMessageOf } from './recent-message.ts'
import { firstMessage, type TryMessage } from './try-message.ts'

const messageSources = ['mqtt', 'http', ...eventSources] as const

export interface TryForm {
  element: HTMLElement
  message(): TryMessage
  /** Of what the node saw, the latest first. */
  topics(): string[]
  /** Makes what only works inside the page. */
  open(): void
  close(): void
}

type Editors = Parameters<typeof openJsonEditor>[0]

/** The message that rules are tried on: written, pasted, or one that the node saw. */
export function tryForm(o: {
  words: Words
  RED: Editors
  api: AdminApi
  nodeId: string
  start: TryMessage | undefined
  changed(): void
}): TryForm {
  const { words, api, changed } = o
  let recent: RecentMessage[] = []
  let editor: JsonEditor | undefined
  const topic = textInput({ maxlength: '1024' })
  const device = textInput({ maxlength: '128' })
  const format = choice((['json', 'text', 'base64'] as const).map(value => ({ value, label: words(`format.${value}`) })))
  const area = make('div', { class: 'loom-payload', attributes: { id: freshId() } })
  const plain = make('textarea', { attributes: { rows: '5', spellcheck: 'false', 'aria-label': words('payload') } })
  const lines = (rows: string): HTMLTextAreaElement =>
    make('textarea', { attributes: { rows, spellcheck: 'false', placeholder: words('linesHint') } })
  const [properties, system] = [lines('2'), lines('2')]
  const twin = make('textarea', {
    attributes: { rows: '4', spellcheck: 'false', placeholder: '{"tags": {}, "properties": {"desired": {}, "reported": {}}}' },
  })
  const outcome = message()
  const seen = choice([{ value: '', label: words('recent.none') }])
  let payload = ''
  let rest: TryMessage['rest']
  const source = choice(messageSources.map(value => ({ value, label: words(`from.${value}`) })))

  const showFormat = (): void => {
    const json = format.value === 'json'
    area.hidden = !json
    plain.hidden = json
    if (json) editor?.set(payload)
    else plain.value = payload
  }
  const set = (next: TryMessage): void => {
    topic.value = next.topic
    device.value = next.device
    format.value = next.format
    properties.value = next.properties
    system.value = next.system
    twin.value = next.twin
    source.value = next.source
    payload = next.payload
    rest = next.rest
    showFormat()
    changed()
  }
  const load = async (): Promise<void> => {
    try {
      // No node has the rules yet: nothing was seen
      const { items } = o.nodeId ? await api.get<{ items: RecentMessage[] }>([o.nodeId, 'recent']) : { items: [] }
      recent = items
      const options = items.map((one, i) => make('option', { attributes: { value: String(i) } }, titleOf(one)))
      const first = words(items.length ? 'recent.choose' : 'recent.none', { count: items.length })
      fill(seen, make('option', { attributes: { value: '' } }, first), ...options)
      outcome.clear()
      changed()
    } catch (thrown) {
      const refusal = thrown as Refusal
      const first = words(refusal.status === 404 ? 'recent.notDeployed' : 'recent.none')
      fill(seen, make('option', { attributes: { value: '' } }, first))
      if (refusal.status === 404) outcome.clear()
      else outcome.say('error', wordsOf(refusal, words))
    }
  }
  format.addEventListener('change', () => {
    showFormat()
    changed()
  })
  seen.addEventListener('change', () => {
    const one = recent[Number(seen.value)]
    if (seen.value === '' || !one) return
    set(tryMessageOf(one))
    if (one.tooLarge) outcome.say('note', words('recent.tooLarge'))
    else outcome.clear()
  })
  plain.addEventListener('input', () => {
    payload = plain.value
    changed()
  })
  for (const input of [topic, device, properties, system, twin, source]) input.addEventListener('input', changed)

  const reload = button('', () => void load(), { icon: 'refresh' })
  reload.setAttribute('aria-label', words('recent.reload'))
  reload.title = words('recent.reload')
  const recentField = field(words('recent.label'), seen, reload)
  const element = make(
    'div',
    { class: 'loom-try-form' },
    make('h5', {}, words('message')),
    recentField,
    outcome.element,
    field(words('topic'), topic),
    field(words('payload'), format),
    area,
    plain,
    make(
      'details',
      {},
      make('summary', {}, words('more')),
      field(words('device'), device),
      field(words('properties'), properties),
      field(words('system'), system),
      field(words('twin'), twin),
      field(words('from.label'), source),
    ),
  )
  return {
    element,
    message: () => ({
      topic: topic.value,
      device: device.value,
      payload,
      format: format.value as TryMessage['format'],
      properties: properties.value,
      system: system.value,
      twin: twin.value,
      source: source.value as TryMessage['source'],
      ...(rest && { rest }),
    }),
    topics: () => [...new Set([topic.value, ...recent.map(({ message }) => message.topic ?? '')])].filter(Boolean),
    open() {
      if (editor) return
      editor = openJsonEditor(o.RED, {
        element: area,
        label: words('payload'),
        changed() {
          if (area.hidden || !editor || payload === editor.text()) return
          payload = editor.text()
          changed()
        },
      })
      set(o.start ?? firstMessage)
      void load()
    },
    close() {
      editor?.close()
      editor = undefined
    },
  }
}

function titleOf({ at, matched = [], message: { topic = '', deviceId = '' } }: RecentMessage): string {
  const time = new Date(at).toLocaleTimeString()
  return `${time} ${topic || deviceId}${matched.length ? ` → ${matched.join(', ').slice(0, 60)}` : ''}`
}
