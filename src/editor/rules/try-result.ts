import type { RuleRow } from '../../routing/rule-row.ts'
import { fill, freshId, make, message, textInput } from '../panel/elements.ts'
import type { Words } from '../policy-view.ts'
import type { Look, Trial } from './question.ts'

export interface TryResult {
  element: HTMLElement
  show(row: RuleRow, look: Look | 'slow'): void
  failed(reason: string): void
  clear(): void
  /** As typed, by call. */
  answers(): Record<string, string>
}

/** What the rule makes of the message, part by part. */
export function tryResult({ words, changed }: { words: Words; changed(): void }): TryResult {
  const verdict = message()
  verdict.element.classList.add('loom-verdict')
  const parts = make('ul', { class: 'loom-conjuncts' })
  const output = make('div')
  const external = make('div')
  const facts = make('p', { class: 'loom-about' })
  const typed = new Map<string, string>()
  let askedShown = ''

  const showParts = (trial: Trial | undefined): void =>
    fill(
      parts,
      ...(trial?.conjuncts ?? []).map(({ text, value, undefined: without, error, reads }) => {
        const state = error ? 'error' : without ? 'undefined' : String(value)
        const keys = reads.map(({ path, value: found }) =>
          make('span', { class: 'loom-read' }, `${path} `, found === undefined ? make('em', {}, words('missing')) : `= ${found}`),
        )
        return make(
          'li',
          { attributes: { 'data-value': state } },
          make('i', { class: `fa fa-${pictures[state as keyof typeof pictures]}`, attributes: { 'aria-hidden': 'true' } }),
          make('code', {}, text),
          make('strong', {}, words(`value.${state}`)),
          keys.length > 0 && make('div', { class: 'loom-reads' }, ...keys),
          error && make('div', { class: 'loom-reads' }, error.message),
        )
      }),
    )
  const showOutput = (trial: Trial | undefined): void => {
    fill(output)
    if (!trial?.matched) return
    const { output: found, topic, topicError } = trial
    fill(
      output,
      make('h5', {}, words('output')),
      topic !== undefined && make('p', { class: 'loom-about' }, `${words('topic')}: `, make('code', {}, topic)),
      topicError && make('p', { class: 'loom-about loom-wrong' }, topicError.message),
      found
        ? make('pre', { attributes: { tabindex: '0' } }, found.text)
        : make('p', { class: 'loom-none' }, words('outputUndefined')),
      found?.bytes && make('p', { class: 'loom-about' }, words('bytes')),
    )
  }
  /** Inputs that are typed in stay as they are. */
  const showAsked = (asked: Trial['asked']): void => {
    const shown = asked.map(({ key }) => key).join('\n')
    if (shown === askedShown) return
    askedShown = shown
    fill(external)
    if (!asked.length) return
    const rows = asked.map(({ key, text }) => {
      const input = textInput({ placeholder: words('answerHint') })
      input.id = freshId()
      input.value = typed.get(key) ?? ''
      input.addEventListener('input', () => {
        typed.set(key, input.value)
        changed()
      })
      return make(
        'div',
        { class: 'loom-answer' },
        make('label', { attributes: { for: input.id } }, make('code', {}, text)),
        input,
      )
    })
    fill(external, make('h5', {}, words('answers')), make('p', { class: 'loom-about' }, words('answersAbout')), ...rows)
  }
  const clear = (): void => {
    verdict.clear()
    for (const part of [parts, output, external, facts]) fill(part)
    askedShown = ''
  }
  const verdictOf = ({ language }: RuleRow, { matched, concerned, error, conjuncts }: Trial): void => {
    const valueless = conjuncts.some(each => each.undefined)
    if (error) verdict.say('error', error.message)
    else if (matched) verdict.say('ok', words('matched'))
    else if (!concerned) verdict.say('note', words(language === 'sql' ? 'otherTopic' : 'otherSource'))
    else verdict.say('note', words(valueless ? 'notMatchedUndefined' : 'notMatched'))
  }
  return {
    element: make(
      'div',
      { class: 'loom-try-result' },
      make('h5', {}, words('result')),
      verdict.element,
      parts,
      facts,
      external,
      output,
    ),
    show(row, look) {
      if (look === 'slow') {
        clear()
        return verdict.say('error', words('slow'))
      }
      const { fault, trial, unreadable } = look
      if (fault) {
        clear()
        return verdict.say('error', words('ruleUnreadable'))
      }
      if (unreadable) {
        clear()
        return verdict.say(
          'error',
          `${words(unreadable.part)}: ${unreadable.message === 'base64' ? words('noBase64') : unreadable.message}`,
        )
      }
      verdictOf(row, trial!)
      showParts(trial)
      showOutput(trial)
      showAsked(trial!.asked)
      // What rules share is looked up too, but each message has it worked out.
      const index = look.warnings.some(({ code }) => code === 'not-indexed') ? undefined : trial!.index
      fill(
        facts,
        ...(index
          ? [`${words(`index.${index.kind}`)} `, make('code', {}, index.text)]
          : trial!.conjuncts.length
            ? [words('index.none')]
            : []),
      )
    },
    failed(reason) {
      clear()
      verdict.say('error', words('engineFailed', { reason }))
    },
    clear,
    answers: () => Object.fromEntries(typed),
  }
}

const pictures = { true: 'check', false: 'times', undefined: 'question-circle', error: 'exclamation-circle' } as const
