/** The parts of Node-RED's Monaco that are used here. */
export interface Monaco {
  editor: {
    setModelLanguage(model: Model, language: string): void
    setModelMarkers(model: Model, owner: string, markers: object[]): void
  }
  languages: {
    register(o: { id: string }): void
    setMonarchTokensProvider(id: string, grammar: object): void
    setLanguageConfiguration(id: string, o: object): void
    registerCompletionItemProvider(id: string, provider: object): void
    registerSignatureHelpProvider(id: string, provider: object): void
    registerCodeActionProvider(id: string, provider: object): void
    CompletionItemKind: Record<'Field' | 'Function' | 'Value' | 'Keyword' | 'Variable', number>
    CompletionItemInsertTextRule: { InsertAsSnippet: number }
  }
}

export interface Model {
  uri: { toString(): string }
  getValue(): string
  getOffsetAt(place: Place): number
  getPositionAt(offset: number): Place
  getVersionId(): number
}

export interface Place {
  lineNumber: number
  column: number
}

/** Only where the editor is set to it; else ACE or a plain text area. */
export const monacoOf = (): Monaco | undefined => (globalThis as { monaco?: Monaco }).monaco

/** The text from one offset to another, as markers and edits name it. */
export function rangeIn(model: Model, { offset, length }: { offset: number; length: number }) {
  const [start, end] = [model.getPositionAt(offset), model.getPositionAt(offset + length)]
  return {
    startLineNumber: start.lineNumber,
    startColumn: start.column,
    endLineNumber: end.lineNumber,
    endColumn: end.column,
  }
}
