// Every bench in turn: `npm run bench`, or some of them: `npm run bench -- journal window`. Each prints Markdown.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const all = [
  'journal',
  'window',
  'ingest',
  'policy',
  'credentials',
  'pki',
  'import',
  'device-lists',
  'twin',
  'twin-hub',
  'fleet',
  'configuration',
  'models',
  'routing',
  'route-node',
  'codecs',
]
const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !all.includes(name))
if (unknown.length) {
  console.error(`no bench is called ${unknown.join(', ')}; there are ${all.join(', ')}`)
  process.exit(2)
}
for (const name of wanted.length ? wanted : all) {
  console.log(`# ${name}\n`)
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' })
  if (status) process.exitCode = 1
}
