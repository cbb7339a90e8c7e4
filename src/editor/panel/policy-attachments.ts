import type { Refusal } from '../admin-api.ts'
import { type Page, type Target, type TargetKind, targetKinds, targetOf, targetQuery, targetText } from '../policy-view.ts'
import { button, choice, fill, make, message, textInput } from './elements.ts'
import { type PanelParts, wordsOf } from './parts.ts'
import { deviceIds, groupIds, suggest } from './suggestions.ts'

export interface PolicyAttachments {
  element: HTMLElement
  open(policy: string): Promise<void>
}

/** What one policy is attached to, to be added to and taken from. */
export function policyAttachments(
  parts: PanelParts,
  { changed }: { changed(policy: string, targets: Page<Target>): void },
): PolicyAttachments {
  const { api, words, rights } = parts
  let policy = ''
  let targets: Page<Target> = { items: [] }
  const rows = make('ul', { class: 'loom-chips' })
  const outcome = message()
  const kind = choice(targetKinds.map(value => ({ value, label: words(`target.${value}`) })))
  kind.setAttribute('aria-label', words('attachTo'))
  const id = textInput({ 'aria-label': words('targetId'), maxlength: '128' })
  const suggestions = { group: groupIds(api), device: deviceIds(api) }
  const chosen = (): TargetKind => kind.value as TargetKind
  const list = suggest(id, async typed => {
    const one = chosen()
    return one === 'group' || one === 'device' ? suggestions[one](typed) : []
  })
  const showId = (): void => {
    const one = chosen()
    id.hidden = one === 'hub'
    id.placeholder = one === 'hub' ? '' : words(`targetHint.${one}`)
  }
  kind.addEventListener('change', () => {
    id.value = ''
    showId()
  })
  showId()

  const next = button(words('more'), () => load(targets.next))
  const show = (): void => {
    fill(
      rows,
      ...targets.items.map(target => {
        const remove = button('', () => work(() => api.delete(['policies', policy, 'attachments'], targetQuery(target))), {
          icon: 'times',
        })
        remove.setAttribute('aria-label', words('detach', { target: targetText(target, words) }))
        rights.follow(remove)
        return make('li', {}, make('span', {}, targetText(target, words)), remove)
      }),
    )
    if (!targets.items.length) fill(rows, make('li', { class: 'loom-none' }, words('attachedToNothing')))
    next.hidden = targets.next === undefined
  }
  const load = async (cursor?: string): Promise<void> => {
    const asked = policy
    try {
      const page = await api.get<Page<Target>>(['policies', asked, 'attachments'], { limit: 50, cursor })
      if (asked !== policy) return
      targets = cursor === undefined ? page : { ...page, items: [...targets.items, ...page.items] }
      show()
      changed(policy, targets)
    } catch (thrown) {
      outcome.say('error', wordsOf(thrown as Refusal, words))
    }
  }
  const work = async (change: () => Promise<unknown>): Promise<boolean> => {
    outcome.clear()
    try {
      await change()
      await load()
      return true
    } catch (thrown) {
      const refusal = thrown as Refusal
      if (refusal.status === 401 || refusal.status === 403) rights.lost()
      outcome.say('error', wordsOf(refusal, words))
      return false
    }
  }
  const attach = async (): Promise<void> => {
    const target = targetOf(chosen(), id.value)
    if (!target) return outcome.say('error', words('targetMissing'))
    if (await work(() => api.post(['policies', policy, 'attachments'], target))) id.value = ''
  }
  const attaching = button(words('attach'), attach, { icon: 'link' })
  rights.follow(attaching)

  const element = make(
    'section',
    { attributes: { 'aria-label': words('attached') } },
    make('h4', {}, words('attached')),
    rows,
    next,
    make('div', { class: 'loom-field' }, kind, id, list, attaching),
    outcome.element,
  )
  return {
    element,
    open(next) {
      policy = next
      outcome.clear()
      return load()
    },
  }
}
