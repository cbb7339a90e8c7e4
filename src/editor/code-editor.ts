/** What Node-RED's Monaco, ACE and plain editors have in common, and what only some have. */
export interface CodeEditor {
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
  executeEdits?(source: string, edits: object[]): void
  pushUndoStop?(): void
  setPosition?(place: { lineNumber: number; column: number }): void
  revealLineInCenterIfOutsideViewport?(line: number): void
}

export interface CodeEditors {
  editor: { createEditor(options: object): CodeEditor }
}

/** Node-RED's own code editor, empty, and its model if it is Monaco, which takes `options`. */
export function openCodeEditor(
  RED: CodeEditors,
  o: { element: HTMLElement; label: string; mode: string; options?: object; changed(): void },
): { editor: CodeEditor; model: object | undefined } {
  const { element, label, mode, options, changed } = o
  const wordWrap = 'on'
  const editor = RED.editor.createEditor({ id: element.id, element, mode, value: '', stateId: false, options: { wordWrap } })
  const model = editor.type === 'monaco' ? editor.getModel?.() : undefined
  editor.updateOptions?.({ ariaLabel: label, minimap: { enabled: false }, wordWrap, ...options })
  if (!model) for (const area of element.querySelectorAll('textarea')) area.setAttribute('aria-label', label)
  // The plain editor tells of no changes; its text area does.
  element.addEventListener('input', changed)
  editor.getSession?.()?.on?.('change', changed)
  return { editor, model }
}

/** Rows and columns from 0. */
export function goToPlace(editor: CodeEditor, { row, column }: { row: number; column: number }): void {
  if (editor.setPosition) {
    editor.setPosition({ lineNumber: row + 1, column: column + 1 })
    editor.revealLineInCenterIfOutsideViewport?.(row + 1)
  } else {
    // ACE counts rows from 1, the plain editor from 0.
    editor.gotoLine?.(editor.type === 'basic' ? row : row + 1, column)
  }
  editor.focus()
}
