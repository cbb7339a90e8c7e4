import type { EditorNodeInstance, EditorRED } from 'node-red'
import { rowFaults } from '../../src/editor/rules/row-faults.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'
import type { RulesConfig } from './config.ts'
import { type RulesTab, sharedRulesTab } from './shared-rules-tab.ts'

declare const RED: EditorRED

/** Of the dialog that is open. */
let tab: RulesTab | undefined

RED.nodes.registerType<RulesConfig>('loom-rules', {
  category: 'config',
  color: '#c0deed',
  icon: 'rules.svg',
  defaults: {
    name: { value: '', required: true },
    rules: {
      value: [],
      validate: value => rowFaults((value ?? []) as unknown as RuleRow[]).length === 0,
    },
  },
  label() {
    return this.name || this._('rules.label')
  },
  oneditprepare() {
    tab = sharedRulesTab(this as EditorNodeInstance<RulesConfig>)
  },
  oneditresize: () => tab?.resized(),
  oneditsave() {
    if (tab) this.rules = tab.close()
  },
  oneditcancel: () => void tab?.close(),
  oneditdelete: () => void tab?.close(),
})
