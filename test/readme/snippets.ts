import { readFileSync } from 'node:fs'

export interface Snippet {
  language: string
  code: string
}

/** Code blocks of a page that carry a name: `<!-- snippet: name -->` on the line before the fence. */
export function snippetsOf(file: string): Map<string, Snippet> {
  const found = new Map<string, Snippet>()
  const text = readFileSync(file, 'utf8')
  for (const [, name, language, code] of text.matchAll(/^<!-- snippet: (\S+) -->\n```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (found.has(name!)) throw new Error(`${file} has two snippets of the name ${name}`)
    found.set(name!, { language: language!, code: code! })
  }
  return found
}

export function snippetOf(file: string, name: string): Snippet {
  const snippet = snippetsOf(file).get(name)
  if (!snippet) throw new Error(`${file} has no snippet ${name}`)
  return snippet
}
