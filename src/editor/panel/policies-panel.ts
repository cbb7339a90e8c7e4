import type { Refusal } from '../admin-api.ts'
import { attachedText, type Page, type Policy, type Target } from '../policy-view.ts'
import { button, fill, make, message } from './elements.ts'
import { type PanelParts, wordsOf } from './parts.ts'
import { policyAttachments } from './policy-attachments.ts'
import { policyDocument } from './policy-document.ts'
import { policyList } from './policy-list.ts'
import { policyTester } from './policy-tester.ts'
import { usePanelStyle } from './style.ts'

const perPage = 50
const askedAtOnce = 4

/** A hub's policies, their documents, what they are attached to, and the tester. Fills `root`; `close` ends what it holds. */
export function openPoliciesPanel(root: HTMLElement, parts: PanelParts): { close(): void } {
  const { api, words, rights } = parts
  usePanelStyle()
  let policies: Policy[] = []
  let next: string | undefined
  /** id of the open one; `''`: one that is to be made */
  let open: string | undefined
  let closed = false
  const attached = new Map<string, string>()

  const state = message()
  const note = (policy: string, targets: Page<Target>): void => {
    attached.set(policy, attachedText(targets, words))
    show()
  }
  const list = policyList(parts, {
    opened: id => select(id),
    added: () => select(''),
    reloaded: () => void load(),
    more: () => void load(next),
  })
  const written = policyDocument(parts, {
    saved(policy) {
      policies = [...policies.filter(({ id }) => id !== policy.id), policy].sort((a, b) => (a.id < b.id ? -1 : 1))
      openOne(policy.id)
    },
    removed(id) {
      policies = policies.filter(policy => policy.id !== id)
      openOne(undefined)
      list.element.querySelector('button')?.focus()
    },
  })
  const attachments = policyAttachments(parts, { changed: note })
  const tester = policyTester(parts, { document: () => (open === undefined ? undefined : written.text()) })
  const opened = make('div', {}, written.element, attachments.element)
  const content = make('div', {}, list.element, opened, tester.element)
  const show = (): void => list.show({ policies, attached, more: next !== undefined, ...(open !== undefined && { open }) })

  function openOne(id: string | undefined): void {
    open = id
    opened.hidden = id === undefined
    attachments.element.hidden = !id
    tester.offerDocument(id !== undefined)
    if (id) void attachments.open(id)
    show()
  }
  function select(id: string): void {
    if (id === open && !written.changed()) return
    if (written.changed() && !window.confirm(words('unsaved'))) return
    openOne(id)
    written.open(policies.find(policy => policy.id === id))
  }
  /** Some at a time: each is a request of its own. */
  const askAttached = async (ids: string[]): Promise<void> => {
    const queue = [...ids]
    const one = async (): Promise<void> => {
      for (let id = queue.shift(); id !== undefined && !closed; id = queue.shift()) {
        const targets = await api.get<Page<Target>>(['policies', id, 'attachments'], { limit: perPage }).catch(() => undefined)
        if (targets) note(id, targets)
      }
    }
    await Promise.all(Array.from({ length: askedAtOnce }, one))
  }
  const load = async (cursor?: string): Promise<void> => {
    state.say('busy', words('loading'))
    try {
      const page = await api.get<Page<Policy>>(['policies'], { limit: perPage, cursor })
      if (closed) return
      policies = cursor === undefined ? page.items : [...policies, ...page.items]
      next = page.next
      content.hidden = false
      if (rights.mayWrite) state.clear()
      else state.say('note', words('readOnly'))
      show()
      void askAttached(page.items.map(({ id }) => id))
    } catch (thrown) {
      if (closed) return
      content.hidden = true
      state.say(
        'error',
        wordsOf(thrown as Refusal, words),
        ' ',
        button(words('retry'), () => void load()),
      )
    }
  }

  root.classList.add('loom-panel')
  content.hidden = true
  fill(root, make('p', { class: 'loom-about' }, words('intro')), state.element, content)
  openOne(undefined)
  void load()
  return {
    close() {
      closed = true
      written.close()
      fill(root)
    },
  }
}
