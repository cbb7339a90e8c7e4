import { readdir, readFile } from 'node:fs/promises'
import { build } from 'esbuild'

/** Names of the node folders. */
export async function nodeNames(): Promise<string[]> {
  const entries = await readdir('nodes', { withFileTypes: true })
  return entries.filter(entry => entry.isDirectory()).map(entry => entry.name)
}

/** The editor half as one script for the browser. */
export async function editorScript(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`nodes/${name}/editor.ts`],
    bundle: true,
    // Short, as each editor loads all of them; the syntax stays, as catalogues read the registration's literals.
    minifyWhitespace: true,
    minifyIdentifiers: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    write: false,
  })
  return outputFiles[0]!.text
}

/** The engine of rules with what a page asks of it, as one script for a Web Worker. */
export async function rulesWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ['src/editor/rules/worker.ts'],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    write: false,
  })
  return outputFiles[0]!.text
}

export const helpOf = (type: string, markdown: string): string =>
  `<script type="text/markdown" data-help-name="${type}">\n${markdown}</script>\n`

/** What the editor loads of a node: registration, form and help. */
export async function htmlOf(name: string): Promise<string> {
  const from = `nodes/${name}`
  const { type } = (await import(`../${from}/config.ts`)) as { type: string }
  const [script, form, help] = await Promise.all([
    editorScript(name),
    readFile(`${from}/form.html`, 'utf8'),
    readFile(`${from}/help.md`, 'utf8'),
  ])
  return [
    `<script type="text/javascript">\n${script}</script>\n`,
    `<script type="text/html" data-template-name="${type}">\n${form}</script>\n`,
    helpOf(type, help),
  ].join('')
}
