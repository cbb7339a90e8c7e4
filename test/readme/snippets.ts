import { readFileSync } from 'node:fs'

export interface Snippet {
  language: string
  code: string
}

/** Code blocks of a page that carry a name: `<!-- snippet: name -->` on the line before the fence, both indented alike in a list. */
export function snippetsOf(file: string): Map<string, Snippet> {
  const found = new Map<string, Snippet>()
  const text = readFileSync(file, 'utf8')
  for (const [, indent, name, language, code] of text.matchAll(/^( *)<!-- snippet: (\S+) -->\n\1```(\w+)\n([\s\S]*?)^\1```$/gm)) {
    if (found.has(name!)) throw new Error(`${file} has two snippets of the name ${name}`)
    found.set(name!, { language: language!, code: code!.replaceAll(new RegExp(`^${indent}`, 'gm'), '') })
  }
  return found
}

export function snippetOf(file: string, name: string): Snippet {
  const snippet = snippetsOf(file).get(name)
  if (!snippet) throw new Error(`${file} has no snippet ${name}`)
  return snippet
}
