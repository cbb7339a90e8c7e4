import type { EditorRED } from 'node-red'
import { adminApi, type Ajax } from '../../src/editor/admin-api.ts'
import type { CodeEditors } from '../../src/editor/code-editor.ts'
import { dialogTabs, type TabMaker } from '../../src/editor/dialog-tabs.ts'
import { openJsonEditor } from '../../src/editor/panel/json-editor.ts'
import { rightsOf } from '../../src/editor/panel/parts.ts'
import { openPoliciesPanel } from '../../src/editor/panel/policies-panel.ts'
import type { Words } from '../../src/editor/policy-view.ts'

declare const RED: Omit<EditorRED, 'editor' | 'tabs'> &
  CodeEditors &
  TabMaker & { user?: { hasPermission?(permission: string): boolean } }

export interface PoliciesTab {
  close(): void
}

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
  dialogTabs(RED, {
    id: 'loom-hub-tabs',
    tabs: [
      { id: 'loom-hub-settings', label: words('tab.settings') },
      { id: policies, label: words('tab.policies') },
    ],
    shown(id) {
      if (id === policies && !panel) open()
    },
  })
  return {
    close() {
      panel?.close()
      panel = undefined
    },
  }
}
