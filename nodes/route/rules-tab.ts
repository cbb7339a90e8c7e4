import type { EditorRED } from 'node-red'
import { adminApi, type Ajax } from '../../src/editor/admin-api.ts'
import { dialogTabs, type TabMaker } from '../../src/editor/dialog-tabs.ts'
import { fill, make } from '../../src/editor/panel/elements.ts'
import type { Words } from '../../src/editor/policy-view.ts'
import { openEngine, startRulesWorker } from '../../src/editor/rules/engine.ts'
import { errorOutput, outputMap, outputsIn } from '../../src/editor/rules/outputs.ts'
import type { CodeEditors } from '../../src/editor/code-editor.ts'
import { openRulesPanel, type RulesPanel } from '../../src/editor/rules/rules-panel.ts'
import { openWide } from '../../src/editor/rules/wide-tray.ts'
import type { TryMessage } from '../../src/editor/rules/try-message.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'
import type { RouteConfig } from './config.ts'

declare const RED: Omit<EditorRED, 'editor' | 'tabs' | 'nodes'> &
  CodeEditors &
  TabMaker & { nodes: { id(): string; node(id: string): { rules?: RuleRow[] } | null } }

export interface RulesTab {
  /** The dialog has its place, or another width. */
  resized(): void
  /** Ends it; what is to be saved. */
  close(): { rules: RuleRow[]; outputRules: string[] }
}

const rulesId = 'loom-route-rules'
/** By node: whoever comes back finds the message that was tried. */
const tried = new Map<string, TryMessage>()

/** Of the shared set as it stands in the editor. */
export const rulesOfSet = (id: string): RuleRow[] => RED.nodes.node(id)?.rules ?? []

/** The tabs of the dialog, the table of rules in the first, and the outputs that follow it. */
export function rulesTab({ node, words }: { node: RouteConfig & { id: string }; words: Words }): RulesTab {
  const field = (name: string): HTMLInputElement => document.getElementById(`node-input-${name}`) as HTMLInputElement
  const root = field('rules-container')
  const legend = field('outputRules-container')
  const ruleSet = field('ruleSet')
  const engine = openEngine({ start: startRulesWorker })
  const api = adminApi({ ajax: $.ajax as unknown as Ajax, hubId: 'rules' })
  const before = outputsIn(node)
  let own: RuleRow[] = node.rules
  let panel: RulesPanel | undefined

  const chosenSet = (): string => (ruleSet.value === '_ADD_' ? '' : ruleSet.value)
  const showOutputs = (rows: readonly RuleRow[]): void => {
    const names = new Map(rows.map(({ id, name }) => [`rule ${id}`, name.trim() || words('unnamed')]))
    const outputs = outputsIn({
      outputRules: rows.map(({ id }) => id),
      unmatched: field('unmatched').checked,
      errors: field('errors').checked,
    })
    field('outputs').value = JSON.stringify(outputMap(before, outputs))
    const chip = (output: string, i: number) =>
      make('li', {}, make('b', {}, `${i + 1}`), ` ${names.get(output) ?? words(output === errorOutput ? 'errors' : output)}`)
    fill(legend, ...(outputs.length ? outputs.map(chip) : [make('li', { class: 'loom-none' }, words('noOutputs'))]))
  }
  const openPanel = (): void => {
    const set = chosenSet()
    const rows = set ? rulesOfSet(set) : own
    panel = openRulesPanel(root, {
      rows,
      fixed: set !== '',
      words,
      RED,
      engine,
      api,
      nodeId: node.id,
      message: tried.get(node.id),
      strict: () => field('strict').checked,
      freshId: () => RED.nodes.id(),
      changed: showOutputs,
      errorsWanted() {
        field('errors').checked = true
      },
    })
    showOutputs(rows)
  }
  const closePanel = (): void => {
    if (!panel) return
    tried.set(node.id, panel.message())
    if (!shownSet) own = panel.rows()
    panel.close()
    panel = undefined
  }
  let shownSet = chosenSet()
  ruleSet.addEventListener('change', () => changeSet())
  const changeSet = (): void => {
    if (chosenSet() === shownSet) return
    closePanel()
    shownSet = chosenSet()
    openPanel()
  }
  for (const name of ['unmatched', 'errors']) field(name).addEventListener('change', () => showOutputs(panel?.rows() ?? []))
  field('strict').addEventListener('change', () => panel?.settingsChanged())

  dialogTabs(RED, {
    id: 'loom-route-tabs',
    tabs: [
      { id: rulesId, label: words('tab.rules') },
      { id: 'loom-route-settings', label: words('tab.settings') },
    ],
    shown(id) {
      if (id === rulesId) changeSet()
    },
  })
  openPanel()
  const { resized } = openWide(root)
  return {
    resized,
    close() {
      const rows = panel?.rows() ?? []
      closePanel()
      engine.close()
      return { rules: own, outputRules: rows.map(({ id }) => id) }
    },
  }
}
