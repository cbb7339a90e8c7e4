import type { ErrorData, TextPosition } from '../../errors.ts'
import type { LintFinding } from '../../routing/lint-finding.ts'
import { type CodeEditors, goToPlace, openCodeEditor } from '../code-editor.ts'
import { monacoOf, type Model, rangeIn } from './monaco.ts'
import { languageIds, type RuleContext, speakRules } from './rule-language.ts'

export interface RuleEditor {
  text(): string
  /** Another rule. */
  set(text: string, language: 'sql' | 'condition'): void
  mark(o: { fault?: ErrorData; warnings: readonly LintFinding[] }): void
  /** As a person's change, which can be undone. */
  replace(o: { offset: number; length: number; text: string }): void
  goTo(offset: number): void
  focus(): void
  close(): void
}

const severities = { error: 8, warning: 4, info: 2 } as const
const owner = 'thingloom-rules'
/** What is worth knowing and wants no change. */
const notes: readonly string[] = ['not-indexed', 'not-portable', 'regex-guarded', 'unnamed-item']

export const severityOf = ({ code }: LintFinding): 'warning' | 'info' => (notes.includes(code) ? 'info' : 'warning')

export const isTextPosition = (position: unknown): position is TextPosition =>
  typeof position === 'object' && position !== null && 'offset' in position && 'line' in position

/** Node-RED's own code editor, for rules. */
export function openRuleEditor(
  RED: CodeEditors,
  { element, label, changed, context }: { element: HTMLElement; label: string; changed(): void; context: RuleContext },
): RuleEditor {
  const options = {
    lineNumbersMinChars: 2,
    folding: false,
    glyphMargin: false,
    scrollBeyondLastLine: false,
    quickSuggestions: true,
    wordBasedSuggestions: 'off',
    formatOnPaste: false,
    // The key that leaves the text is the tab key, as everywhere in a form.
    tabFocusMode: true,
  }
  const opened = openCodeEditor(RED, { element, label, mode: 'ace/mode/sql', options, changed })
  const { editor } = opened
  const monaco = monacoOf()
  const model = opened.model as Model | undefined
  const silence = monaco && model ? speakRules(monaco, model, context) : undefined

  const marked = (o: { fault?: ErrorData; warnings: readonly LintFinding[] }) => [
    ...(o.fault && isTextPosition(o.fault.position)
      ? [{ position: o.fault.position, severity: 'error' as const, message: o.fault.message, hint: o.fault.hint }]
      : []),
    ...o.warnings.map(one => ({
      position: one.position,
      severity: severityOf(one),
      message: one.message,
      hint: undefined,
    })),
  ]
  const replaceText = ({ offset, length, text }: { offset: number; length: number; text: string }): void => {
    if (model && editor.executeEdits) {
      editor.pushUndoStop?.()
      editor.executeEdits(owner, [{ range: rangeIn(model, { offset, length }), text }])
      editor.pushUndoStop?.()
    } else {
      const before = editor.getValue()
      editor.setValue(before.slice(0, offset) + text + before.slice(offset + length), 1)
    }
    changed()
  }
  return {
    text: () => editor.getValue(),
    set(text, language) {
      if (monaco && model) monaco.editor.setModelLanguage(model, languageIds[language])
      if (editor.getValue() !== text) editor.setValue(text, -1)
    },
    mark(o) {
      const marks = marked(o)
      if (monaco && model) {
        const markers = marks.map(({ position, severity, message, hint }) => ({
          severity: severities[severity],
          message: hint ? `${message}\n${hint}` : message,
          ...rangeIn(model, { offset: position.offset, length: Math.max(1, position.length) }),
        }))
        monaco.editor.setModelMarkers(model, owner, markers)
      } else {
        const annotations = marks.map(({ position, severity, message }) => ({
          row: position.line - 1,
          column: position.column - 1,
          text: message,
          type: severity,
        }))
        editor.getSession?.()?.setAnnotations?.(annotations)
      }
    },
    replace: replaceText,
    goTo(offset) {
      const before = editor.getValue().slice(0, offset)
      goToPlace(editor, { row: before.split('\n').length - 1, column: offset - before.lastIndexOf('\n') - 1 })
    },
    focus: () => editor.focus(),
    close() {
      silence?.()
      editor.destroy()
    },
  }
}
