import type { EditorRED } from 'node-red'
import { adminApi, type Ajax } from '../../src/editor/admin-api.ts'
import { openEngine, startRulesWorker } from '../../src/editor/rules/engine.ts'
import type { CodeEditors } from '../../src/editor/code-editor.ts'
import { openRulesPanel } from '../../src/editor/rules/rules-panel.ts'
import { openWide } from '../../src/editor/rules/wide-tray.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'
import type { RulesConfig } from './config.ts'

declare const RED: Omit<EditorRED, 'editor' | 'nodes'> &
  CodeEditors & { nodes: { id(): string; eachNode(see: (node: { id: string; type: string; ruleSet?: string }) => void): void } }

export interface RulesTab {
  /** The dialog has its place, or another width. */
  resized(): void
  /** Ends it; what is to be saved. */
  close(): RuleRow[]
}

/** The table of rules that several nodes share, with the messages that one of these sees. */
export function sharedRulesTab(node: RulesConfig & { id: string }): RulesTab {
  const engine = openEngine({ start: startRulesWorker })
  let user = ''
  RED.nodes.eachNode(({ id, type, ruleSet }) => {
    if (type === 'loom-route' && ruleSet === node.id) user ||= id
  })
  const root = document.getElementById('node-config-input-rules-container')!
  const panel = openRulesPanel(root, {
    rows: node.rules,
    fixed: false,
    // The words are those of the node that has the table too.
    words: (key, values) => RED._(`@thingloom/node-red-iot/route:route.editor.${key}`, { ...values } as never),
    RED,
    engine,
    api: adminApi({ ajax: $.ajax as unknown as Ajax, hubId: 'rules' }),
    nodeId: user,
    message: undefined,
    strict: () => false,
    freshId: () => RED.nodes.id(),
    changed: () => {},
    errorsWanted: () => {},
  })
  const { resized } = openWide(root)
  return {
    resized,
    close() {
      const rows = panel.rows()
      panel.close()
      engine.close()
      return rows
    },
  }
}
