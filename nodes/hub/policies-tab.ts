import type { EditorRED } from 'node-red'
import { adminApi, type Ajax } from '../../src/editor/admin-api.ts'
import { type CodeEditors, openJsonEditor } from '../../src/editor/panel/json-editor.ts'
import { rightsOf } from '../../src/editor/panel/parts.ts'
import { openPoliciesPanel } from '../../src/editor/panel/policies-panel.ts'
import type { Words } from '../../src/editor/policy-view.ts'

interface Tab {
  id: string
  label: string
}
declare const RED: Omit<EditorRED, 'editor' | 'tabs'> &
  CodeEditors & {
    tabs: { create(o: { id: string; onchange(tab: Tab): void }): { addTab(tab: Tab): void; activateTab(id: string): void } }
    user?: { hasPermission?(permission: string): boolean }
  }

export interface PoliciesTab {
  close(): void
}

const settings = 'loom-hub-settings'
const policies = 'loom-hub-policies'

/** The tabs of the dialog. The policies are those of the hub that runs, asked when their tab is first opened. */
export function policiesTab({ hubId, words }: { hubId: string; words: Words }): PoliciesTab {
  const root = document.getElementById(policies)!
  const text: Words = (key, values) => words(`policies.${key}`, values)
  let panel: { close(): void } | undefined
  const open = (): void => {
    panel = openPoliciesPanel(root, {
      // A hub that was never saved has no id yet: `-` is no hub's.
      api: adminApi({ ajax: $.ajax as unknown as Ajax, hubId: hubId || '-' }),
      words: text,
      rights: rightsOf({
        root,
        mayWrite: RED.user?.hasPermission?.('thingloom.admin.write') ?? true,
        hint: text('readOnly'),
      }),
      openEditor: (element, o) => openJsonEditor(RED, { element, ...o }),
    })
  }
  const tabs = RED.tabs.create({
    id: 'loom-hub-tabs',
    onchange({ id }) {
      for (const one of [settings, policies]) document.getElementById(one)!.hidden = one !== id
      for (const link of list.querySelectorAll('a')) link.setAttribute('aria-selected', String(link.hash === `#${id}`))
      if (id === policies && !panel) open()
    },
  })
  const list = document.getElementById('loom-hub-tabs')!
  tabs.addTab({ id: settings, label: words('tab.settings') })
  tabs.addTab({ id: policies, label: words('tab.policies') })
  list.setAttribute('role', 'tablist')
  for (const link of list.querySelectorAll('a')) {
    link.setAttribute('role', 'tab')
    link.setAttribute('aria-controls', link.hash.slice(1))
    link.parentElement!.setAttribute('role', 'presentation')
    // The editor's tabs know the mouse only.
    link.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      tabs.activateTab(link.hash.slice(1))
    })
  }
  for (const id of [settings, policies]) document.getElementById(id)!.setAttribute('role', 'tabpanel')
  tabs.activateTab(settings)
  return {
    close() {
      panel?.close()
      panel = undefined
    },
  }
}
