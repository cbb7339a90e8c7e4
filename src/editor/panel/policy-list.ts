import type { Policy } from '../policy-view.ts'
import { button, fill, make } from './elements.ts'
import type { PanelParts } from './parts.ts'

const short = { dateStyle: 'short', timeStyle: 'short' } as const

export interface PolicyList {
  element: HTMLElement
  /** `attached`: one line each, once it is known. `more`: there is a next page. */
  show(o: { policies: readonly Policy[]; attached: ReadonlyMap<string, string>; open?: string; more: boolean }): void
}

/** The policies by name, with what they are attached to and when they changed; each is a button that opens it. */
export function policyList(
  { words, rights }: PanelParts,
  { opened, added, reloaded, more }: { opened(id: string): void; added(): void; reloaded(): void; more(): void },
): PolicyList {
  const rows = make('ul', { class: 'loom-rows' })
  const add = button(words('new'), added, { icon: 'plus' })
  rights.follow(add)
  const next = button(words('more'), more)
  const element = make(
    'section',
    { attributes: { 'aria-label': words('list') } },
    rows,
    make('div', { class: 'loom-buttons' }, add, button(words('reload'), reloaded, { icon: 'refresh' }), next),
  )
  return {
    element,
    show({ policies, attached, open, more: hasMore }) {
      const focused = rows.contains(document.activeElement)
      fill(
        rows,
        ...policies.map(({ id, description, updatedAt }) =>
          make(
            'li',
            {},
            make(
              'button',
              {
                class: 'loom-row',
                attributes: { type: 'button', 'aria-pressed': String(id === open), title: description },
                on: { click: () => opened(id) },
              },
              make('strong', {}, id),
              make('span', { class: 'loom-row-about' }, attached.get(id) ?? '…'),
              make(
                'span',
                { class: 'loom-row-time' },
                words('changedAt', { time: new Date(updatedAt).toLocaleString([], short) }),
              ),
            ),
          ),
        ),
      )
      if (focused) rows.querySelector<HTMLElement>('[aria-pressed=true]')?.focus()
      next.hidden = !hasMore
    },
  }
}
