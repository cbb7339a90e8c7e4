import type { ErrorData } from '../../errors.ts'
import type { LintFinding } from '../../routing/lint-finding.ts'
import { button, fill, make } from '../panel/elements.ts'
import type { Words } from '../policy-view.ts'
import type { RowState } from './question.ts'
import { isTextPosition, type RuleEditor, severityOf } from './rule-editor.ts'

/** The error and the warnings of a rule, each with a button to its place, those that know how with one that corrects it. */
export function ruleProblems({ words, editor }: { words: Words; editor(): RuleEditor | undefined }): {
  element: HTMLElement
  show(state: RowState, fixed: boolean): void
} {
  const element = make('ul', { class: 'loom-problems', attributes: { 'aria-live': 'polite', 'aria-label': words('problems') } })
  const line = (
    o: { kind: 'error' | 'warning' | 'info'; text: string; hint?: string | undefined },
    ...more: (Node | false)[]
  ): HTMLElement =>
    make(
      'li',
      { attributes: { 'data-kind': o.kind } },
      make('i', { class: `fa fa-${icons[o.kind]}`, attributes: { role: 'img', 'aria-label': words(`severity.${o.kind}`) } }),
      make('span', {}, o.text, o.hint !== undefined && make('em', {}, ` ${o.hint}`)),
      ...more,
    )
  const toPlace = (position: unknown): HTMLElement | false => {
    if (!isTextPosition(position)) return false
    const { line: row, column, offset } = position
    const link = make(
      'button',
      { class: 'loom-place', attributes: { type: 'button' }, on: { click: () => editor()?.goTo(offset) } },
      `${row}:${column}`,
    )
    link.setAttribute('aria-label', words('goTo', { line: row, column }))
    return link
  }
  const faultLine = (fault: ErrorData, place = true): HTMLElement =>
    line({ kind: 'error', text: fault.message, hint: fault.hint }, place && toPlace(fault.position))
  const warningLine = (found: LintFinding, fixed: boolean): HTMLElement => {
    const { fix, message, position } = found
    const mend = fix !== undefined && !fixed && button(words('fix'), () => editor()?.replace(fix), { icon: 'wrench' })
    if (mend) {
      mend.classList.add('red-ui-button-small')
      mend.title = fix.text
    }
    return line({ kind: severityOf(found), text: message }, toPlace(position), mend)
  }
  return {
    element,
    show({ fault, templateFault, warnings }, fixed) {
      fill(
        element,
        fault && faultLine(fault),
        templateFault && faultLine({ ...templateFault, message: `${words('topicTemplate')}: ${templateFault.message}` }, false),
        ...warnings.map(found => warningLine(found, fixed)),
      )
    },
  }
}

const icons = { error: 'exclamation-circle', warning: 'exclamation-triangle', info: 'info-circle' } as const
