interface Tab {
  id: string
  label: string
}

export interface TabMaker {
  tabs: { create(o: { id: string; onchange(tab: Tab): void }): { addTab(tab: Tab): void; activateTab(id: string): void } }
}

/** The tabs of a dialog, in the list of that id, each for the element of its own; the first is open. They can be reached by keyboard and are named to screen readers. `shown` is called with the id. */
export function dialogTabs(RED: TabMaker, o: { id: string; tabs: readonly Tab[]; shown(id: string): void }): void {
  const panels = o.tabs.map(({ id }) => document.getElementById(id)!)
  const maker = RED.tabs.create({
    id: o.id,
    onchange({ id }) {
      for (const panel of panels) panel.hidden = panel.id !== id
      for (const link of list.querySelectorAll('a')) link.setAttribute('aria-selected', String(link.hash === `#${id}`))
      o.shown(id)
    },
  })
  const list = document.getElementById(o.id)!
  for (const tab of o.tabs) maker.addTab(tab)
  list.setAttribute('role', 'tablist')
  for (const link of list.querySelectorAll('a')) {
    link.setAttribute('role', 'tab')
    link.setAttribute('aria-controls', link.hash.slice(1))
    link.parentElement!.setAttribute('role', 'presentation')
    // The editor's tabs know the mouse only.
    link.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      maker.activateTab(link.hash.slice(1))
    })
  }
  for (const panel of panels) panel.setAttribute('role', 'tabpanel')
  maker.activateTab(o.tabs[0]!.id)
}
