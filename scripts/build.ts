// Gives the compiled package what tsc does not make: editor halves, help, locales, icons, recordings.
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { helpOf, htmlOf, nodeNames, rulesWorker } from './build-node.ts'

const manifest = JSON.parse(await readFile('package.json', 'utf8')) as {
  'node-red': { nodes: Record<string, string>; plugins?: Record<string, string> }
}
const listed = { ...manifest['node-red'].nodes, ...manifest['node-red'].plugins }

/** Folders and package.json must name the same nodes: the runtime loads what is listed, the package holds what is built. */
function disagreements(names: string[]): string[] {
  return [
    ...names
      .filter(name => listed[name] !== entryOf(name))
      .map(name => `package.json node-red lacks "${name}": "${entryOf(name)}"`),
    ...Object.keys(listed)
      .filter(name => !names.includes(name))
      .map(name => `package.json node-red lists "${name}", nodes/${name} does not exist`),
  ]
}

const entryOf = (name: string): string => `dist/nodes/${name}/${existsSync(`nodes/${name}/plugin.ts`) ? 'plugin' : name}.js`

async function buildNode(name: string): Promise<void> {
  const [from, to] = [`nodes/${name}`, `dist/nodes/${name}`]
  const { type } = (await import(`../${from}/config.ts`)) as { type: string }
  await mkdir(`${to}/icons`, { recursive: true })
  await writeFile(`${to}/${name}.html`, await htmlOf(name))
  await cp(`${from}/icon.svg`, `${to}/icons/${name}.svg`)
  for (const lang of await readdir(`${from}/locales`)) {
    await mkdir(`${to}/locales/${lang}`, { recursive: true })
    await cp(`${from}/locales/${lang}/${name}.json`, `${to}/locales/${lang}/${name}.json`)
    const help = `${from}/locales/${lang}/help.md`
    if (existsSync(help)) await writeFile(`${to}/locales/${lang}/${name}.html`, helpOf(type, await readFile(help, 'utf8')))
  }
}

const names = await nodeNames()
const wrong = disagreements(names)
if (wrong.length) throw new Error(wrong.join('\n'))
for (const name of names) await buildNode(name)
await mkdir('resources', { recursive: true })
await writeFile('resources/rules-worker.js', await rulesWorker())
if (existsSync('scripts/recordings.ts')) await import(new URL('recordings.ts', import.meta.url).href)
await writeFile('dist/.built', '') // its time tells scripts/start.mjs whether there is something to build
console.log(`${names.length} nodes built`)
