type Child = Node | string | undefined | false

interface Looks {
  class?: string
  /** attributes; undefined and false leave one out */
  attributes?: Readonly<Record<string, string | boolean | undefined>>
  on?: Readonly<Record<string, (event: Event) => void>>
}

/** An element with its children. Texts become text nodes: nothing that a device or person wrote is ever read as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { class: names, attributes = {}, on = {} }: Looks = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (names) element.className = names
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value)
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener)
  fill(element, ...children)
  return element
}

/** Gives an element other children. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => child !== undefined && child !== false))
}

let made = 0
/** For `for`, `list` and `aria-labelledby`; unique in the page. */
export const freshId = (): string => `loom-part-${++made}`

/** A label with its input below one another or side by side, as the width allows. */
export function field(label: string, input: HTMLElement, ...more: Child[]): HTMLElement {
  input.id ||= freshId()
  return make('div', { class: 'loom-field' }, make('label', { attributes: { for: input.id } }, label), input, ...more)
}

export const textInput = (attributes: Record<string, string> = {}): HTMLInputElement =>
  make('input', { attributes: { type: 'text', spellcheck: 'false', autocomplete: 'off', ...attributes } })

export function choice(options: readonly { value: string; label: string }[]): HTMLSelectElement {
  return make('select', {}, ...options.map(({ value, label }) => make('option', { attributes: { value } }, label)))
}

/** A button in the editor's own look. */
export function button(label: string, click: () => void, { icon }: { icon?: string } = {}): HTMLButtonElement {
  const picture = icon !== undefined && make('i', { class: `fa fa-${icon}`, attributes: { 'aria-hidden': 'true' } })
  return make(
    'button',
    { class: 'red-ui-button', attributes: { type: 'button' }, on: { click } },
    picture,
    picture ? ` ${label}` : label,
  )
}

/** A line that is read out when it changes. `state` shows as a picture, so that it is not told by colour alone. */
export function message(): {
  element: HTMLElement
  say(state: 'ok' | 'error' | 'note' | 'busy', text: string, ...more: Child[]): void
  clear(): void
} {
  const element = make('div', { class: 'loom-message', attributes: { role: 'status', 'aria-live': 'polite' } })
  const icons = { ok: 'check-circle', error: 'exclamation-triangle', note: 'info-circle', busy: 'hourglass-half' }
  return {
    element,
    say(state, text, ...more) {
      element.dataset.state = state
      const picture = make('i', { class: `fa fa-${icons[state]}`, attributes: { 'aria-hidden': 'true' } })
      fill(element, picture, make('span', {}, text), ...more)
    },
    clear() {
      delete element.dataset.state
      fill(element)
    },
  }
}
