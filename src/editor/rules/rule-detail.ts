import type { RuleRow } from '../../routing/rule-row.ts'
import { type ConditionSource, conditionSources } from '../../routing/rule-text.ts'
import { choice, field, freshId, make, textInput } from '../panel/elements.ts'
import type { Words } from '../policy-view.ts'
import type { Offers } from './completion.ts'
import type { RowState } from './question.ts'
import type { CodeEditors } from '../code-editor.ts'
import { openRuleEditor, type RuleEditor } from './rule-editor.ts'
import { ruleProblems } from './rule-problems.ts'

export interface RuleDetail {
  element: HTMLElement
  show(row: RuleRow): void
  tell(state: RowState): void
  /** A name that another row has, or none. */
  nameFault(key: 'unnamed' | 'sameName' | undefined): void
  focusName(): void
  close(): void
}

/** One rule to be written. `edited` is called with the row already changed. */
export function ruleDetail(o: {
  words: Words
  RED: CodeEditors
  fixed: boolean
  offers(): Omit<Offers, 'language'>
  edited(row: RuleRow): void
}): RuleDetail {
  const { words, fixed } = o
  let row: RuleRow | undefined
  let editor: RuleEditor | undefined
  let warnings: RowState['warnings'] = []
  const name = textInput({ maxlength: '128', class: 'loom-rule-name' })
  const language = choice((['sql', 'condition'] as const).map(value => ({ value, label: words(`language.${value}`) })))
  const source = choice(conditionSources.map(value => ({ value, label: words(`source.${value}`) })))
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a person may write
  const template = textInput({ maxlength: '1024', placeholder: words('templateHint', { example: 'alarms/${topic(2)}' }) })
  const area = make('div', { class: 'loom-rule-code', attributes: { id: freshId() } })
  const problems = ruleProblems({ words, editor: () => editor })
  const nameProblem = make('span', { class: 'loom-name-fault', attributes: { 'aria-live': 'polite' } })
  const sourceField = field(words('source.label'), source)
  for (const input of [name, language, source, template]) input.disabled = fixed

  const edit = (change: Partial<RuleRow>): void => {
    if (!row || fixed) return
    Object.assign(row, change)
    o.edited(row)
  }
  name.addEventListener('input', () => edit({ name: name.value }))
  template.addEventListener('input', () => edit({ topicTemplate: template.value.trim() }))
  source.addEventListener('input', () => edit({ source: source.value as ConditionSource }))
  language.addEventListener('input', () => {
    edit({ language: language.value as RuleRow['language'] })
    showLanguage()
    if (row) editor?.set(row.text, row.language)
  })
  const showLanguage = (): void => void (sourceField.hidden = row?.language !== 'condition')
  const open = (): RuleEditor =>
    openRuleEditor(o.RED, {
      element: area,
      label: words('ruleText'),
      changed() {
        const text = editor?.text()
        if (row && text !== undefined && text !== row.text) edit({ text })
      },
      context: {
        offers: () => ({ ...o.offers(), language: row?.language ?? 'sql' }),
        warnings: () => warnings,
        words: { fix: words('fix'), letters: words('letters') },
      },
    })
  return {
    element: make(
      'section',
      { class: 'loom-rule-detail', attributes: { 'aria-label': words('rule') } },
      make(
        'div',
        { class: 'loom-side' },
        field(words('name'), name, nameProblem),
        field(words('language.label'), language),
        sourceField,
      ),
      area,
      problems.element,
      field(words('topicTemplate'), template),
    ),
    show(next) {
      // Only what is in the page can be measured, as the editor does.
      editor ??= open()
      row = undefined
      name.value = next.name
      language.value = next.language
      source.value = next.source ?? 'DeviceMessages'
      template.value = next.topicTemplate ?? ''
      warnings = []
      problems.show({ warnings }, fixed)
      editor.mark({ warnings })
      editor.set(next.text, next.language)
      row = next
      showLanguage()
    },
    tell(state) {
      warnings = state.warnings
      problems.show(state, fixed)
      editor?.mark({ ...(state.fault && { fault: state.fault }), warnings })
    },
    nameFault(key) {
      nameProblem.textContent = key === undefined ? '' : words(key)
      name.classList.toggle('input-error', key !== undefined)
      name.setAttribute('aria-invalid', String(key !== undefined))
    },
    focusName() {
      name.focus()
      name.select()
    },
    close() {
      editor?.close()
      editor = undefined
    },
  }
}
