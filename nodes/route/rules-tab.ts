import type { EditorRED } from 'node-red'
import { adminApi, type Ajax } from '../../src/editor/admin-api.ts'
import { fill, make } from '../../src/editor/panel/elements.ts'
import type { Words } from '../../src/editor/policy-view.ts'
import { openEngine, startRulesWorker } from '../../src/editor/rules/engine.ts'
import { errorOutput, outputMap, outputsIn } from '../../src/editor/rules/outputs.ts'
import type { CodeEditors } from '../../src/editor/rules/rule-editor.ts'
import { openRulesPanel, type RulesPanel } from '../../src/editor/rules/rules-panel.ts'
import { openWide } from '../../src/editor/rules/wide-tray.ts'
import type { TryMessage } from '../../src/editor/rules/try-message.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'
import type { RouteConfig } from './config.ts'

interface Tab {
  id: string
  label: string
}
declare const RED: Omit<EditorRED, 'editor' | 'tabs' | 'nodes'> &
  CodeEditors & {
    tabs: { create(o: { id: string; onchange(tab: Tab): void }): { addTab(tab: Tab): void; activateTab(id: string): void } }
    nodes: { id(): string; node(id: string): { rules?: RuleRow[] } | null }
  }

export interface RulesTab {
  /** The dialog has its place, or another width. */
  resized(): void
  /** Ends it; what is to be saved. */
  close(): { rules: RuleRow[]; outputRules: string[] }
}

const tabIds = ['loom-route-rules', 'loom-route-settings'] as const
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

  showTabs(words, changeSet)
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

/** `rules` is called when their tab is shown. */
function showTabs(words: Words, rules: () => void): void {
  const tabs = RED.tabs.create({
    id: 'loom-route-tabs',
    onchange({ id }) {
      for (const one of tabIds) document.getElementById(one)!.hidden = one !== id
      for (const link of list.querySelectorAll('a')) link.setAttribute('aria-selected', String(link.hash === `#${id}`))
      if (id === tabIds[0]) rules()
    },
  })
  const list = document.getElementById('loom-route-tabs')!
  tabs.addTab({ id: tabIds[0], label: words('tab.rules') })
  tabs.addTab({ id: tabIds[1], label: words('tab.settings') })
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
  for (const id of tabIds) document.getElementById(id)!.setAttribute('role', 'tabpanel')
  tabs.activateTab(tabIds[0])
}
