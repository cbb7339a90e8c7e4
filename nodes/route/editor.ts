import type { EditorNodeInstance, EditorRED } from 'node-red'
import { consumerProperties, prepareConsumer } from '../../src/editor/consumer-fields.ts'
import { rowFaults } from '../../src/editor/rules/row-faults.ts'
import { isChosen } from '../../src/fields/config-node.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'
import type { RouteConfig } from './config.ts'
import { type RulesTab, rulesTab, rulesOfSet } from './rules-tab.ts'

declare const RED: EditorRED

/** True, or what the editor shows as the reason. */
function verdictOn(node: EditorNodeInstance<RouteConfig>, rules: readonly RuleRow[]): boolean {
  const [fault] = node.ruleSet ? [] : rowFaults(rules)
  if (!fault) return true
  const name = fault.row.name || `${rules.indexOf(fault.row) + 1}`
  const text = fault.kind === 'unreadable' ? fault.message : node._(`route.editor.${fault.kind}`)
  // The editor takes a text for false and shows it; its types do not know.
  return `${name}: ${text}` as unknown as boolean
}

const sameIds = (ids: readonly string[], rules: readonly RuleRow[]): boolean =>
  ids.length === rules.length && rules.every(({ id }, i) => id === ids[i])

/** Of the dialog that is open. */
let tab: RulesTab | undefined

RED.nodes.registerType<RouteConfig>('loom-route', {
  category: 'IoT insights',
  color: '#c0deed',
  icon: 'route.svg',
  inputs: 1,
  outputs: 0,
  defaults: {
    name: { value: '' },
    hub: {
      value: '',
      type: 'loom-hub',
      required: false,
      validate(value) {
        return this.from !== 'hub' || isChosen(value)
      },
    },
    ruleSet: { value: '', type: 'loom-rules', required: false },
    rules: {
      value: [],
      validate(value) {
        return verdictOn(this as EditorNodeInstance<RouteConfig>, (value ?? []) as unknown as RuleRow[])
      },
    },
    outputRules: {
      value: [],
      // Shared rules were changed since: the dialog shows what becomes of the wires.
      validate(value) {
        const ids = value as unknown as string[]
        return !this.ruleSet || !RED.nodes.node(this.ruleSet) || sameIds(ids, rulesOfSet(this.ruleSet))
      },
    },
    outputs: { value: 0 },
    deliver: { value: 'all' },
    unmatched: { value: false },
    errors: { value: false },
    strict: { value: false },
    from: { value: 'wires' },
    ...consumerProperties,
  },
  paletteLabel: 'route',
  label() {
    return this.name || 'route'
  },
  labelStyle() {
    return this.name ? 'node_label_italic' : ''
  },
  outputLabels(index) {
    const id = this.outputRules[index]
    const rules = this.ruleSet ? rulesOfSet(this.ruleSet) : this.rules
    if (id !== undefined) return rules.find(rule => rule.id === id)?.name ?? id
    return this._(index === this.outputRules.length && this.unmatched ? 'route.editor.unmatched' : 'route.editor.errors')
  },
  oneditprepare() {
    prepareConsumer()
    const from = $('#node-input-from')
    from.on('change', () => void $('.loom-from-hub').toggle(from.val() === 'hub')).trigger('change')
    tab = rulesTab({
      node: this,
      words: (key, values) => this._(`route.editor.${key}`, { ...values }),
    })
  },
  oneditresize: () => tab?.resized(),
  oneditsave() {
    const kept = tab?.close()
    if (!kept) return
    this.rules = kept.rules
    this.outputRules = kept.outputRules
  },
  oneditcancel: () => void tab?.close(),
  oneditdelete: () => void tab?.close(),
})
