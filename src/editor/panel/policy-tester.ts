import type { Refusal } from '../admin-api.ts'
import {
  aboutOf,
  type Answer,
  askable,
  type Page,
  type Policy,
  questionOf,
  type StatementPlace,
  statementName,
  statementText,
  variableRows,
} from '../policy-view.ts'
import { button, choice, field, fill, make, message, textInput } from './elements.ts'
import { type PanelParts, wordsOf } from './parts.ts'
import { deviceIds, suggest } from './suggestions.ts'

export interface PolicyTester {
  element: HTMLElement
  /** Whether a document is being written that could be tested. */
  offerDocument(offered: boolean): void
}

/** Asks what policies say of one action, and whom they allow it. `document`: what is being written, if anything is. */
export function policyTester({ api, words }: PanelParts, { document: given }: { document(): string | undefined }): PolicyTester {
  const device = textInput({ maxlength: '128' })
  const action = choice(askable.map(value => ({ value, label: value })))
  action.value = 'iot:Publish'
  const about = textInput({ maxlength: '1024' })
  const sourceIp = textInput({ maxlength: '64' })
  const domainName = textInput({ maxlength: '253' })
  const withDocument = make('input', { attributes: { type: 'checkbox' } })
  const documentField = make('label', { class: 'loom-check' }, withDocument, ` ${words('withDocument')}`)
  const outcome = message()
  const result = make('div', { class: 'loom-result', attributes: { 'aria-live': 'polite' } })
  const aboutField = field('', about)
  const nameAbout = (): void => fill(aboutField.querySelector('label')!, words(`about.${aboutOf(action.value)}`))
  action.addEventListener('change', nameAbout)
  nameAbout()

  const statementBox = async (place: StatementPlace, text?: string): Promise<HTMLElement> => {
    const document = text ?? (await api.get<Policy>(['policies', place.policyId]).catch(() => undefined))?.text
    const found = statementText(document, place.index)
    return make('div', {}, make('h5', {}, statementName(place, words)), found !== undefined && make('pre', {}, found))
  }
  const variables = (all: Answer['variables']): HTMLElement | undefined => {
    const rows = variableRows(all)
    if (!rows.length) return undefined
    const lines = rows.flatMap(({ name, value }) => [
      make('dt', {}, name),
      value === undefined ? make('dd', { class: 'loom-none' }, words('unresolved')) : make('dd', {}, value),
    ])
    return make('div', {}, make('h5', {}, words('variables')), make('dl', {}, ...lines))
  }
  const working = async (work: () => Promise<void>): Promise<void> => {
    fill(result)
    outcome.say('busy', words('asking'))
    try {
      await work()
    } catch (thrown) {
      outcome.say('error', wordsOf(thrown as Refusal, words))
    }
    result.scrollIntoView({ block: 'nearest' })
  }
  const test = (): Promise<void> =>
    working(async () => {
      if (!device.value.trim()) return outcome.say('error', words('deviceMissing'))
      const text = withDocument.checked ? given() : undefined
      const values = { device: device.value, action: action.value, about: about.value }
      const question = questionOf({
        ...values,
        sourceIp: sourceIp.value,
        domainName: domainName.value,
        ...(text !== undefined && { text }),
      })
      const answer = await api.post<Answer>(['policies', 'test'], question)
      const box = answer.statement && (await statementBox(answer.statement, text))
      outcome.say(answer.verdict === 'allow' ? 'ok' : 'error', words(`verdict.${answer.verdict}`))
      fill(result, box, variables(answer.variables))
    })
  const whoMay = (): Promise<void> =>
    working(async () => {
      const found = make('ul', { class: 'loom-found' })
      let count = 0
      const page = async (cursor?: string): Promise<void> => {
        const query = { action: action.value, topic: about.value.trim(), limit: 50, cursor }
        const { items, next } = await api.get<Page<{ id: string; statement: StatementPlace }>>(['policies', 'who-may'], query)
        for (const { id, statement } of items)
          found.append(make('li', {}, make('strong', {}, id), ` ${statementName(statement, words)}`))
        count += items.length
        outcome.say('note', words(next === undefined ? 'mayCount' : 'mayCountSoFar', { count }))
        const more = next !== undefined && button(words('more'), () => void page(next).catch(refused))
        fill(result, count > 0 && found, more)
      }
      const refused = (thrown: unknown): void => outcome.say('error', wordsOf(thrown as Refusal, words))
      await page()
    })

  const element = make(
    'section',
    { attributes: { 'aria-label': words('tester') } },
    make('h4', {}, words('tester')),
    make('p', { class: 'loom-about' }, words('testerAbout')),
    field(words('device'), device, suggest(device, deviceIds(api))),
    field(words('action'), action),
    aboutField,
    make(
      'details',
      {},
      make('summary', {}, words('connection')),
      field(words('sourceIp'), sourceIp),
      field(words('domainName'), domainName),
    ),
    documentField,
    make(
      'div',
      { class: 'loom-buttons' },
      button(words('test'), () => void test(), { icon: 'play' }),
      button(words('whoMay'), () => void whoMay(), { icon: 'users' }),
    ),
    outcome.element,
    result,
  )
  for (const input of [device, about, sourceIp, domainName])
    input.addEventListener('keydown', event => {
      if (event.key !== 'Enter') return
      event.preventDefault()
      void test()
    })
  return {
    element,
    offerDocument(offered) {
      documentField.hidden = !offered
      if (!offered) withDocument.checked = false
    },
  }
}
