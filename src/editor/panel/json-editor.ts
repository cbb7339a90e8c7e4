import type { TextPlace } from '../text-place.ts'

export interface JsonEditor {
  text(): string
  set(text: string): void
  /** Marks a place as wrong, or nothing. */
  mark(fault?: TextPlace & { message: string }): void
  goTo(place: TextPlace): void
  close(): void
}

/** What Node-RED's Monaco, ACE and plain editors have in common, and what only some have. */
interface CodeEditor {
  type?: string
  getValue(): string
  setValue(text: string, cursor?: number): void
  getSession?(): { on?(name: string, listener: () => void): void; setAnnotations?(all: object[]): void }
  destroy(): void
  focus(): void
  gotoLine?(row: number, column: number): void
  /** Monaco */
  getModel?(): object
  updateOptions?(options: object): void
  setPosition?(place: { lineNumber: number; column: number }): void
  revealLineInCenterIfOutsideViewport?(line: number): void
}

export interface CodeEditors {
  editor: { createEditor(options: object): CodeEditor }
}

const severityError = 8

/** Node-RED's own code editor, for JSON. */
export function openJsonEditor(
  RED: CodeEditors,
  { element, label, changed }: { element: HTMLElement; label: string; changed(): void },
): JsonEditor {
  const editor = RED.editor.createEditor({
    id: element.id,
    element,
    mode: 'ace/mode/json',
    value: '',
    stateId: false,
    options: { wordWrap: 'on' },
  })
  const monaco = (globalThis as { monaco?: { editor: { setModelMarkers(model: object, owner: string, all: object[]): void } } })
    .monaco
  const model = editor.type === 'monaco' ? editor.getModel?.() : undefined
  editor.updateOptions?.({ ariaLabel: label, minimap: { enabled: false }, wordWrap: 'on' })
  if (!model) for (const area of element.querySelectorAll('textarea')) area.setAttribute('aria-label', label)
  // The plain editor tells of no changes; its text area does.
  element.addEventListener('input', changed)
  editor.getSession?.()?.on?.('change', changed)
  return {
    text: () => editor.getValue(),
    set: text => editor.setValue(text, -1),
    mark(fault) {
      if (monaco && model) {
        const markers = fault && {
          severity: severityError,
          message: fault.message,
          startLineNumber: fault.row + 1,
          startColumn: fault.column + 1,
          endLineNumber: fault.row + 1,
          endColumn: fault.end + 1,
        }
        monaco.editor.setModelMarkers(model, 'thingloom', markers ? [markers] : [])
      } else {
        const { row, column, message: text } = fault ?? { row: 0, column: 0, message: '' }
        editor.getSession?.()?.setAnnotations?.(fault ? [{ row, column, text, type: 'error' }] : [])
      }
    },
    goTo({ row, column }) {
      if (editor.setPosition) {
        editor.setPosition({ lineNumber: row + 1, column: column + 1 })
        editor.revealLineInCenterIfOutsideViewport?.(row + 1)
      } else {
        // ACE counts rows from 1, the plain editor from 0.
        editor.gotoLine?.(editor.type === 'basic' ? row : row + 1, column)
      }
      editor.focus()
    },
    close: () => editor.destroy(),
  }
}
