import type { RuleRow } from '../../routing/rule-row.ts'
import type { ImportedTopicRule } from '../../routing/topic-rule-file.ts'
import type { AdminApi } from '../admin-api.ts'
import { button, fill, make } from '../panel/elements.ts'
import { usePanelStyle } from '../panel/style.ts'
import type { Words } from '../policy-view.ts'
import type { Engine } from './engine.ts'
import { importBox } from './import-box.ts'
import { liveLook } from './live-look.ts'
import { offersOf } from './message-offers.ts'
import type { RowState, Vocabulary } from './question.ts'
import { freeName, rowFaults } from './row-faults.ts'
import { ruleCounts } from './rule-counts.ts'
import { ruleDetail } from './rule-detail.ts'
import type { CodeEditors } from '../code-editor.ts'
import { ruleList } from './rule-list.ts'
import { useRulesStyle } from './rules-style.ts'
import { tryForm } from './try-form.ts'
import type { TryMessage } from './try-message.ts'
import { tryResult } from './try-result.ts'

export interface RulesPanel {
  /** As they stand in the table. */
  rows(): RuleRow[]
  message(): TryMessage
  /** The same rules are looked at by other settings. */
  settingsChanged(): void
  close(): void
}

export interface RulesPanelOptions {
  rows: readonly RuleRow[]
  /** Rules of another node: seen and tried, not changed. */
  fixed: boolean
  words: Words
  RED: CodeEditors
  engine: Engine
  /** Of the rules of running nodes. */
  api: AdminApi
  nodeId: string
  /** What was tried last. */
  message: TryMessage | undefined
  strict(): boolean
  freshId(): string
  /** The rows or their order. */
  changed(rows: readonly RuleRow[]): void
  /** An imported rule has an action for errors. */
  errorsWanted(): void
}

const emptyVocabulary: Vocabulary = { sql: [], condition: [] }

/** A table of rules, the one that is open to be written, and what it makes of a message. Fills `root`; `close` ends what it holds. */
export function openRulesPanel(root: HTMLElement, o: RulesPanelOptions): RulesPanel {
  const { words, engine, fixed } = o
  usePanelStyle()
  useRulesStyle()
  let rows = o.rows.map(row => ({ ...row }))
  let open: string | undefined
  let closed = false
  let vocabulary = emptyVocabulary
  const states = new Map<string, RowState>()

  const list = ruleList({
    words,
    fixed,
    opened: id => select(id),
    toggled: (id, enabled) => change(row => (row.enabled = enabled), id),
    moved(ids) {
      rows = ids.flatMap(id => rows.find(row => row.id === id) ?? [])
      showRows()
      o.changed(rows)
    },
    removed(id) {
      const at = rows.findIndex(row => row.id === id)
      rows = rows.filter(row => row.id !== id)
      o.changed(rows)
      const next = rows[Math.min(at, rows.length - 1)]
      select(next?.id)
      if (next) list.focus(next.id)
      else adding.focus()
    },
  })
  const detail = ruleDetail({
    words,
    RED: o.RED,
    fixed,
    offers: () => ({ vocabulary, topics: form.topics(), ...offersOf(form.message()) }),
    edited(row) {
      list.refresh(row, states.get(row.id))
      o.changed(rows)
      showNameFault()
      live.soon()
    },
  })
  const form = tryForm({ words, RED: o.RED as never, api: o.api, nodeId: o.nodeId, start: o.message, changed: () => live.soon() })
  const result = tryResult({ words, changed: () => live.soon() })
  const imports = importBox({ words, engine, imported: addImported })
  const live = liveLook({
    engine,
    question() {
      const row = rowOf(open)
      return row && { kind: 'look', row: { ...row }, strict: o.strict(), message: form.message(), answers: result.answers() }
    },
    tell({ row }, look) {
      if (look !== 'slow') {
        states.set(row.id, look)
        list.refresh(rowOf(row.id) ?? row, look)
      }
      // Places in a text that was changed meanwhile are wrong; the next answer is on its way.
      if (row.id !== open || rowOf(row.id)?.text !== row.text) return
      if (look !== 'slow') detail.tell(look)
      result.show(row, look)
    },
    failed: reason => result.failed(reason),
  })
  const counts = ruleCounts({ api: o.api, nodeId: o.nodeId, show: found => list.count(found) })

  const rowOf = (id: string | undefined): RuleRow | undefined => rows.find(row => row.id === id)
  const change = (edit: (row: RuleRow) => void, id: string): void => {
    const row = rowOf(id)
    if (!row) return
    edit(row)
    list.refresh(row, states.get(id))
    o.changed(rows)
  }
  const showNameFault = (): void => {
    const fault = rowFaults(rows).find(({ row, kind }) => row.id === open && kind !== 'unreadable')
    detail.nameFault(fault?.kind as 'unnamed' | 'sameName' | undefined)
  }
  const showRows = (): void => {
    list.show(rows, open)
    for (const row of rows) list.refresh(row, states.get(row.id))
    counts.showAgain()
    empty.hidden = rows.length > 0
    written.hidden = open === undefined
  }
  const select = (id: string | undefined): void => {
    open = id
    showRows()
    const row = rowOf(id)
    if (!row) return
    form.open()
    detail.show(row)
    showNameFault()
    live.soon(0)
  }
  const add = (row: Omit<RuleRow, 'id' | 'enabled'> & { enabled?: boolean }): RuleRow => {
    const made = { enabled: true, ...row, id: o.freshId(), name: freeName(rows, row.name) }
    rows = [...rows, made]
    o.changed(rows)
    select(made.id)
    return made
  }
  function addImported({ rule, errorAction }: ImportedTopicRule, fileName: string): string {
    const { name = fileName || words('newName'), sql, enabled } = rule
    if (errorAction) o.errorsWanted()
    const made = add({ name, language: 'sql', text: sql, enabled })
    return made.name
  }
  const checkAll = async (): Promise<void> => {
    const asked = rows.map(row => ({ ...row }))
    const found = await engine.ask({ kind: 'check', rows: asked, strict: o.strict() }).catch(() => 'slow' as const)
    if (closed || found === 'slow') return
    asked.forEach(({ id }, i) => void states.set(id, found[i]!))
    for (const row of rows) list.refresh(row, states.get(row.id))
  }

  const adding = button(
    words('add'),
    () => {
      add({ name: words('newName'), language: 'sql', text: 'SELECT *' })
      detail.focusName()
    },
    { icon: 'plus' },
  )
  const importing = button(words('import.title'), () => importing.setAttribute('aria-expanded', String(imports.toggle())), {
    icon: 'upload',
  })
  importing.setAttribute('aria-expanded', 'false')
  const empty = make('p', { class: 'loom-empty' }, words(fixed ? 'emptySet' : 'empty'))
  const written = make(
    'div',
    {},
    detail.element,
    make('section', { class: 'loom-try', attributes: { 'aria-label': words('try') } }, result.element, form.element),
  )
  root.classList.add('loom-panel', 'loom-rules')
  fill(root, list.element, empty, !fixed && make('div', { class: 'loom-buttons' }, adding, importing), imports.element, written)
  select(rows[0]?.id)
  void checkAll()
  void engine.ask({ kind: 'words' }).then(
    found => {
      if (found !== 'slow') vocabulary = found
    },
    () => {},
  )
  return {
    rows: () => rows.map(row => ({ ...row, name: row.name.trim() })),
    message: () => form.message(),
    settingsChanged() {
      live.soon()
      void checkAll()
    },
    close() {
      closed = true
      live.close()
      counts.close()
      detail.close()
      form.close()
      fill(root)
    },
  }
}
