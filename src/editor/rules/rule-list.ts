import type { RuleRow } from '../../routing/rule-row.ts'
import type { Words } from '../policy-view.ts'
import { button, fill, make } from '../panel/elements.ts'
import type { RowState } from './question.ts'

/** What a rule has done since its node was deployed. */
export interface RuleCounts {
  matched: number
  undefined: number
  errors: number
}

export interface RuleList {
  element: HTMLElement
  /** The rows anew, with the open one. */
  show(rows: readonly RuleRow[], open: string | undefined): void
  /** Name, text and state of one row that was changed. */
  refresh(row: RuleRow, state: RowState | undefined): void
  count(counts: ReadonlyMap<string, RuleCounts>): void
  focus(id: string): void
}

interface Shown {
  item: HTMLElement
  open: HTMLElement
  name: HTMLElement
  text: HTMLElement
  state: HTMLElement
  counts: HTMLElement
  enabled: HTMLInputElement
  remove: HTMLElement
  grip: HTMLElement
}

/** The rules in their order, to be dragged or moved by the keyboard; each opens with a press. */
export function ruleList(o: {
  words: Words
  fixed: boolean
  opened(id: string): void
  toggled(id: string, enabled: boolean): void
  moved(ids: string[]): void
  removed(id: string): void
}): RuleList {
  const { words, fixed } = o
  const list = make('ol', { class: 'loom-rule-list', attributes: { 'aria-label': words('rules') } })
  const element = make('div', {}, list)
  const shown = new Map<string, Shown>()
  const editable = $(list) as unknown as JQuery & { editableList(...args: unknown[]): JQuery }
  let started = false

  const order = (): string[] => [...list.querySelectorAll<HTMLElement>('[data-rule]')].map(({ dataset }) => dataset.rule!)
  const move = (id: string, by: number): void => {
    const ids = order()
    const at = ids.indexOf(id)
    const to = at + by
    if (to < 0 || to >= ids.length) return
    ids.splice(to, 0, ...ids.splice(at, 1))
    o.moved(ids)
    shown.get(id)?.open.focus()
  }
  const keys = (id: string) => (event: Event) => {
    const { key, altKey } = event as KeyboardEvent
    const step = key === 'ArrowUp' ? -1 : key === 'ArrowDown' ? 1 : 0
    if (!step) return
    event.preventDefault()
    if (altKey && !fixed) return move(id, step)
    const ids = order()
    shown.get(ids[ids.indexOf(id) + step] ?? id)?.open.focus()
  }
  const build = (container: HTMLElement, { id }: RuleRow): void => {
    const enabled = make('input', {
      attributes: { type: 'checkbox', disabled: fixed },
      on: { change: () => o.toggled(id, enabled.checked) },
    })
    const [name, text, state, counts] = [make('strong'), make('code'), make('i', { class: 'fa' }), make('span')]
    counts.className = 'loom-rule-counts'
    const open = make(
      'button',
      {
        class: 'loom-rule-open',
        attributes: {
          type: 'button',
          ...(!fixed && { title: words('moveHint'), 'aria-keyshortcuts': 'Alt+ArrowUp Alt+ArrowDown' }),
        },
        on: { click: () => o.opened(id), keydown: keys(id) },
      },
      state,
      name,
      text,
      counts,
    )
    const remove = button('', () => o.removed(id), { icon: 'times' })
    const grip = make('i', { class: 'loom-grip fa fa-bars', attributes: { 'aria-hidden': 'true' } })
    container.dataset.rule = id
    fill(container, !fixed && grip, enabled, open, !fixed && remove)
    shown.set(id, { item: container, open, name, text, state, counts, enabled, remove, grip })
  }
  const start = (): void => {
    started = true
    editable.editableList({
      addButton: false,
      height: 'auto',
      scrollOnAdd: false,
      sortable: '.loom-grip',
      addItem: (row: JQuery, _index: number, data: RuleRow) => build(row.get(0)!, data),
      sortItems: () => o.moved(order()),
    })
  }
  const refresh = (row: RuleRow, state: RowState | undefined): void => {
    const one = shown.get(row.id)
    if (!one) return
    const name = row.name.trim() || words('unnamed')
    const { icon, text } = pictureOf(row, state)
    fill(one.name, name)
    fill(one.text, row.text.replaceAll(/\s+/g, ' ').slice(0, 160))
    one.enabled.checked = row.enabled
    one.enabled.setAttribute('aria-label', words('enabledName', { name }))
    one.remove.setAttribute('aria-label', words('removeName', { name }))
    one.remove.title = words('remove')
    one.item.dataset.off = String(!row.enabled)
    one.state.className = `fa fa-${icon}`
    one.state.dataset.state = icon
    one.state.title = text && words(text)
    one.state.setAttribute('aria-label', text && words(text))
    one.state.setAttribute('role', 'img')
  }
  return {
    element,
    show(rows, opened) {
      if (!started) start()
      editable.editableList('empty')
      shown.clear()
      for (const row of rows) editable.editableList('addItem', row)
      for (const row of rows) shown.get(row.id)!.open.setAttribute('aria-pressed', String(row.id === opened))
      element.hidden = rows.length === 0
    },
    refresh,
    count(counts) {
      for (const [id, { counts: place }] of shown) {
        const found = counts.get(id)
        const told = found && [
          words('counts.matched', { count: found.matched }),
          ...(found.undefined ? [words('counts.undefined', { count: found.undefined })] : []),
          ...(found.errors ? [words('counts.errors', { count: found.errors })] : []),
        ]
        fill(place, told?.join(' · '))
      }
    },
    focus: id => shown.get(id)?.open.focus(),
  }
}

/** A picture with a name, so that the state is not told by colour alone. */
function pictureOf({ name, text }: RuleRow, state: RowState | undefined): { icon: string; text: string } {
  if (!name.trim() || !text.trim() || state?.fault || state?.templateFault)
    return { icon: 'exclamation-circle', text: 'state.fault' }
  if (!state) return { icon: 'circle-o', text: 'state.unknown' }
  return state.warnings.length ? { icon: 'exclamation-triangle', text: 'state.warned' } : { icon: 'check', text: 'state.good' }
}
