import type { Refusal } from '../admin-api.ts'
import { newDocument, type Policy } from '../policy-view.ts'
import { placeIn } from '../text-place.ts'
import { button, field, fill, freshId, make, message, textInput } from './elements.ts'
import type { JsonEditor } from './json-editor.ts'
import { type PanelParts, wordsOf } from './parts.ts'

const pauseMs = 300
const confirmMs = 8000

export interface PolicyDocument {
  element: HTMLElement
  /** Shows a policy, or nothing yet of one that is to be made. */
  open(policy: Policy | undefined): void
  text(): string
  changed(): boolean
  close(): void
}

/** A policy's document: checked by the hub while it is written, saved and removed. */
export function policyDocument(
  parts: PanelParts,
  { saved, removed }: { saved(policy: Policy): void; removed(id: string): void },
): PolicyDocument {
  const { api, words, rights } = parts
  let policy: Policy | undefined
  let shown = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0
  let editor: JsonEditor | undefined
  const text = (): string => editor?.text() ?? ''

  const heading = make('h4')
  const id = textInput({ maxlength: '128' })
  const idField = field(words('id'), id)
  const about = textInput({ maxlength: '1024' })
  const area = make('div', { class: 'loom-code', attributes: { id: freshId() } })
  const verdict = message()
  const outcome = message()

  const fault = (refusal: Refusal): void => {
    const { position } = refusal
    if (typeof position !== 'number') {
      verdict.say('error', wordsOf(refusal, words))
      return
    }
    const place = placeIn(text(), position)
    editor?.mark({ ...place, message: wordsOf(refusal, words) })
    const go = button(words('goTo', { line: place.row + 1 }), () => editor?.goTo(place))
    verdict.say('error', wordsOf(refusal, words), ' ', go)
  }
  const check = async (): Promise<void> => {
    const mine = ++asked
    try {
      const { statements } = await api.post<{ statements: number }>(['policies', 'check'], { text: text() })
      if (mine !== asked) return
      editor?.mark()
      verdict.say('ok', words('valid', { count: statements }))
    } catch (thrown) {
      if (mine === asked) fault(thrown as Refusal)
    }
  }
  const checkSoon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(check, pauseMs)
  }
  const edited = (): void => {
    if (text() === shown) outcome.clear()
    else outcome.say('note', words('notSaved'))
    checkSoon()
  }

  const failed = (thrown: unknown): void => {
    const refusal = thrown as Refusal
    if (refusal.status === 401 || refusal.status === 403) rights.lost()
    if (refusal.code === 'POLICY_INVALID') {
      outcome.clear()
      fault(refusal)
    } else outcome.say('error', wordsOf(refusal, words))
  }
  const save = async (): Promise<void> => {
    const description = about.value.trim()
    outcome.say('busy', words('saving'))
    try {
      const done = policy
        ? await api.put<Policy>(['policies', policy.id], { text: text(), description }, policy.etag)
        : await api.post<Policy>(['policies'], { id: id.value.trim(), text: text(), ...(description && { description }) })
      open(done)
      outcome.say('ok', words('saved'))
      saved(done)
    } catch (thrown) {
      failed(thrown)
    }
  }

  let confirming: ReturnType<typeof setTimeout> | undefined
  const askAgain = (): void => {
    clearTimeout(confirming)
    confirming = undefined
    fill(removing, words('remove'))
  }
  const remove = async (): Promise<void> => {
    if (!policy) return
    if (!confirming) {
      confirming = setTimeout(askAgain, confirmMs)
      fill(removing, words('removeReally', { policy: policy.id }))
      return
    }
    askAgain()
    try {
      await api.delete(['policies', policy.id], {}, policy.etag)
      removed(policy.id)
    } catch (thrown) {
      failed(thrown)
    }
  }
  const saving = button(words('save'), save, { icon: 'save' })
  const removing = button(words('remove'), remove)
  removing.addEventListener('blur', askAgain)
  for (const one of [saving, removing]) rights.follow(one)

  function open(next: Policy | undefined): void {
    policy = next
    shown = next?.text ?? newDocument
    fill(heading, next ? next.id : words('newHeading'))
    idField.hidden = Boolean(next)
    if (!next) id.value = ''
    about.value = next?.description ?? ''
    removing.hidden = !next
    askAgain()
    outcome.clear()
    if (text() !== shown) editor?.set(shown)
    checkSoon()
  }

  const element = make(
    'section',
    { attributes: { 'aria-label': words('document') } },
    heading,
    idField,
    field(words('description'), about),
    area,
    verdict.element,
    make('div', { class: 'loom-buttons' }, saving, removing),
    outcome.element,
  )
  return {
    element,
    open(next) {
      // Only what is in the page can be measured, as the editor does.
      editor ??= parts.openEditor(area, { label: words('document'), changed: edited })
      open(next)
    },
    text,
    changed: () => editor !== undefined && text() !== shown,
    close() {
      clearTimeout(timer)
      clearTimeout(confirming)
      asked++
      editor?.close()
      editor = undefined
    },
  }
}
