import { type CodeEditors, goToPlace, openCodeEditor } from '../code-editor.ts'
import type { TextPlace } from '../text-place.ts'

export interface JsonEditor {
  text(): string
  set(text: string): void
  /** Marks a place as wrong, or nothing. */
  mark(fault?: TextPlace & { message: string }): void
  goTo(place: TextPlace): void
  close(): void
}

const severityError = 8

/** Node-RED's own code editor, for JSON. */
export function openJsonEditor(
  RED: CodeEditors,
  { element, label, changed }: { element: HTMLElement; label: string; changed(): void },
): JsonEditor {
  const { editor, model } = openCodeEditor(RED, { element, label, mode: 'ace/mode/json', changed })
  const monaco = (globalThis as { monaco?: { editor: { setModelMarkers(model: object, owner: string, all: object[]): void } } })
    .monaco
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
    goTo: place => goToPlace(editor, place),
    close: () => editor.destroy(),
  }
}
