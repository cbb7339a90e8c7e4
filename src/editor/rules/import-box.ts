import { button, fill, freshId, make, message } from '../panel/elements.ts'
import type { Words } from '../policy-view.ts'
import type { ImportedAction, ImportedTopicRule } from '../../routing/topic-rule-file.ts'
import type { Engine } from './engine.ts'

/** Takes topic rules of AWS IoT from files or pasted, and says what its actions are here. */
export function importBox(o: {
  words: Words
  engine: Engine
  /** Adds the rule; the name that it got. */
  imported(rule: ImportedTopicRule, fileName: string): string
}): { element: HTMLElement; toggle(): boolean } {
  const { words, engine } = o
  const files = make('input', {
    attributes: { type: 'file', accept: '.json,application/json', multiple: true, 'aria-label': words('import.file') },
  })
  const pasted = make('textarea', {
    attributes: { rows: '4', spellcheck: 'false', placeholder: '{"sql": "SELECT * FROM \'dt/+/telemetry\'", "actions": []}' },
  })
  pasted.id = freshId()
  const outcome = message()
  const report = make('div', { class: 'loom-report', attributes: { 'aria-live': 'polite' } })

  const take = async (text: string, fileName: string): Promise<HTMLElement> => {
    const answer = await engine.ask({ kind: 'import', text })
    const title = (name: string) => make('h5', {}, name)
    if (answer === 'slow') return make('div', {}, title(fileName), make('p', {}, words('slow')))
    if ('fault' in answer)
      return make('div', { class: 'loom-wrong' }, title(fileName || words('import.pasted')), make('p', {}, answer.fault.message))
    const { rule } = answer
    const name = o.imported(rule, fileName.replace(/\.json$/i, ''))
    return make('div', {}, title(words('import.done', { name })), actionList(rule))
  }
  const actionList = ({ outputs, errorAction, unknown }: ImportedTopicRule): HTMLElement => {
    const row = ({ action, suggestion }: ImportedAction, key: string) =>
      make(
        'li',
        {},
        make('strong', {}, action),
        ' ',
        suggestion.length ? words(key, { nodes: suggestion.join(` ${words('or')} `) }) : words('import.noNode'),
      )
    return make(
      'ul',
      {},
      ...outputs.map(action => row(action, 'import.action')),
      errorAction && row(errorAction, 'import.errorAction'),
      unknown.length > 0 && make('li', { class: 'loom-unknown' }, words('import.unknown', { names: unknown.join(', ') })),
    )
  }
  const takeAll = async (texts: readonly { name: string; text: string }[]): Promise<void> => {
    outcome.clear()
    fill(report)
    try {
      for (const { name, text } of texts) report.append(await take(text, name))
    } catch (thrown) {
      outcome.say('error', words('engineFailed', { reason: (thrown as Error).message }))
    }
  }
  files.addEventListener('change', async () => {
    const chosen = await Promise.all([...(files.files ?? [])].map(async file => ({ name: file.name, text: await file.text() })))
    await takeAll(chosen)
    files.value = ''
  })
  const add = button(words('import.add'), () => void (pasted.value.trim() && takeAll([{ name: '', text: pasted.value }])), {
    icon: 'plus',
  })
  const element = make(
    'section',
    { class: 'loom-import', attributes: { 'aria-label': words('import.title') } },
    make('p', { class: 'loom-about' }, words('import.about')),
    files,
    make('label', { attributes: { for: pasted.id } }, words('import.paste')),
    pasted,
    make('div', { class: 'loom-buttons' }, add),
    outcome.element,
    report,
  )
  element.hidden = true
  return {
    element,
    toggle() {
      element.hidden = !element.hidden
      if (!element.hidden) files.focus()
      return !element.hidden
    },
  }
}
