// Starts the whole pipeline from a fresh clone. Runs under whatever Node the system has: it installs and builds what is missing, then hands over to the
// Node of the project.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = name => join(root, name)
const changed = name => (existsSync(at(name)) ? statSync(at(name)).mtimeMs : 0)

const run = (what, command, args) => {
  console.log(what)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) {
    console.error(
      `${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}. Mend what it says above, then start again.`,
    )
    process.exit(1)
  }
}
const newest = folder =>
  readdirSync(at(folder), { withFileTypes: true, recursive: true }).reduce((time, entry) => {
    const file = join(entry.parentPath ?? entry.path, entry.name)
    return entry.isFile() ? Math.max(time, statSync(file).mtimeMs) : time
  }, 0)

if (changed('node_modules/.package-lock.json') < changed('package-lock.json'))
  run('Installing the packages (once) ..', 'npm', ['ci'])
const built = changed('dist/.built')
if (built < Math.max(newest('src'), newest('nodes'), newest('scripts'), changed('package.json'), changed('tsconfig.json')))
  run('Building ..', 'npm', ['run', 'build'])

const node = at(process.platform === 'win32' ? 'node_modules/node/bin/node.exe' : 'node_modules/node/bin/node')
const child = spawn(existsSync(node) ? node : process.execPath, [at('scripts/run-node-red.ts')], { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
