import type { LintFinding } from '../../routing/lint-finding.ts'
import { callAt, type Completion, completionsAt, type Offers, parametersOf } from './completion.ts'
import { brackets, grammarOf } from './grammar.ts'
import { type Model, type Monaco, type Place, rangeIn } from './monaco.ts'

/** What is known about the rule in one editor. */
export interface RuleContext {
  offers(): Offers
  warnings(): readonly LintFinding[]
  words: { fix: string; letters: string }
}

/** By the address of the model. The languages are registered once for the page, the editors come and go. */
const contexts = new Map<string, RuleContext>()
let registered = false

export const languageIds = { sql: 'loom-sql', condition: 'loom-condition' } as const

/** Gives Monaco the languages, and an editor's model what is to be offered in it. Ends with what is returned. */
export function speakRules(monaco: Monaco, model: Model, context: RuleContext): () => void {
  if (!registered) register(monaco)
  registered = true
  const key = model.uri.toString()
  contexts.set(key, context)
  return () => void contexts.delete(key)
}

function register(monaco: Monaco): void {
  const { languages } = monaco
  for (const language of ['sql', 'condition'] as const) {
    const id = languageIds[language]
    languages.register({ id })
    languages.setMonarchTokensProvider(id, grammarOf(language))
    languages.setLanguageConfiguration(id, brackets)
    languages.registerCompletionItemProvider(id, {
      triggerCharacters: ['.', '$', '@', "'", '"'],
      provideCompletionItems: (model: Model, place: Place) => ({ suggestions: suggestions(monaco, model, place) }),
    })
    languages.registerSignatureHelpProvider(id, {
      signatureHelpTriggerCharacters: ['(', ','],
      provideSignatureHelp: signatureAt,
    })
    languages.registerCodeActionProvider(id, { provideCodeActions: fixesIn })
  }
}

const kinds = { key: 'Field', function: 'Function', topic: 'Value', keyword: 'Keyword', variable: 'Variable' } as const
/** What comes first. */
const order = ['key', 'topic', 'variable', 'function', 'keyword']

function suggestions({ languages }: Monaco, model: Model, place: Place): object[] {
  const context = contexts.get(model.uri.toString())
  if (!context) return []
  const text = model.getValue()
  const offset = model.getOffsetAt(place)
  const before = text.slice(0, offset)
  return completionsAt(before, text, context.offers()).map(item => {
    const range = rangeIn(model, { offset: offset - typedOf(item, before), length: typedOf(item, before) })
    return {
      label: item.label,
      kind: languages.CompletionItemKind[kinds[item.kind]],
      detail: item.detail,
      insertText: item.insert ?? item.label,
      ...(item.insert && { insertTextRules: languages.CompletionItemInsertTextRule.InsertAsSnippet }),
      sortText: `${order.indexOf(item.kind)} ${item.label}`,
      range,
    }
  })
}

/** How much of the item stands there already; `$body` and topics hold more than a word does. */
function typedOf({ kind }: Completion, before: string): number {
  const typed = kind === 'topic' ? /[^'"]*$/ : /[@$\w-]*$/
  return typed.exec(before)![0].length
}

function signatureAt(model: Model, place: Place): object | null {
  const context = contexts.get(model.uri.toString())
  const call = callAt(model.getValue().slice(0, model.getOffsetAt(place)))
  if (!context || !call) return null
  const { language, vocabulary } = context.offers()
  const found = vocabulary[language].find(({ name }) => name.toLowerCase() === call.name.toLowerCase())
  if (!found) return null
  const parameters = parametersOf(found.signature).map(label => ({ label }))
  const signature = { label: found.signature, documentation: context.words.letters, parameters }
  const activeParameter = Math.min(call.argument, Math.max(0, parameters.length - 1))
  return { value: { signatures: [signature], activeSignature: 0, activeParameter }, dispose() {} }
}

/** The fixes of warnings as quick fixes, so that the keyboard finds them. */
function fixesIn(model: Model, range: { startLineNumber: number; endLineNumber: number }): object {
  const context = contexts.get(model.uri.toString())
  const actions = (context?.warnings() ?? []).flatMap(({ fix, message, position }) => {
    if (!fix || position.line > range.endLineNumber || position.line < range.startLineNumber) return []
    const edit = {
      resource: model.uri,
      versionId: model.getVersionId(),
      textEdit: { range: rangeIn(model, fix), text: fix.text },
    }
    const title = `${context!.words.fix}: ${message}`
    return [{ title, kind: 'quickfix', edit: { edits: [edit] } }]
  })
  return { actions, dispose() {} }
}
