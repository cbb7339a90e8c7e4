import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, userFolder } from '../node-red-process.ts'
import { run, tempFolder } from '../processes.ts'

const base = tempFolder('smoke')
const npm = (args: string[], cwd: string) =>
  run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, limitMs: 300_000, env: { NODE_ENV: '' } })

async function attempt(args: string[], cwd: string): Promise<void> {
  // The registry may be out for a moment; an install that was cut short starts again from what it has.
  for (let left = 2; ; left--)
    try {
      return void (await npm(args, cwd))
    } catch (error) {
      if (!left) throw error
    }
}

async function folderWith(name: string, packages: string[]): Promise<string> {
  const folder = join(base, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name":"smoke","version":"0.0.0","private":true}')
  await attempt(['install', ...packages], folder)
  return folder
}

const once = <T>(make: () => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

const installed = new Map<string, Promise<string>>()
const install = (name: string, packages: string[]) => {
  const found = installed.get(name) ?? folderWith(name, packages)
  installed.set(name, found)
  return found
}

/** The binary of a Node.js version, as the registry carries it for this platform. */
export async function nodeBinary(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  return join(await install(`node-${version}`, [`${name}@${version}`]), 'node_modules', name, 'bin', 'node')
}

/** `red.js` of a Node-RED version, in a folder with nothing else. */
export const nodeRedScript = async (version: string): Promise<string> =>
  join(await install(`node-red-${version}`, [`node-red@${version}`]), 'node_modules', 'node-red', 'red.js')

/** The package as it would be published. */
export const packed = once(async () => {
  const folder = join(base, 'packed')
  mkdirSync(folder)
  await npm(['pack', '--pack-destination', folder], root)
  return join(folder, readdirSync(folder).find(file => file.endsWith('.tgz'))!)
})

const filled = once(async () => {
  const folder = join(base, 'user')
  mkdirSync(folder)
  userFolder(folder, [], { link: false })
  await attempt(['install', await packed()], folder)
  return folder
})

/** A fresh user folder into which the packed package, and others, were installed by npm. */
export async function installedUserFolder(name: string, others: string[] = []): Promise<string> {
  const folder = join(base, name)
  cpSync(await filled(), folder, { recursive: true })
  if (others.length) await installBeside(folder, others)
  return folder
}

/** More packages in a folder that `installedUserFolder` gave. */
export const installBeside = (folder: string, packages: string[]): Promise<void> => attempt(['install', ...packages], folder)

export const installedPackage = (folder: string) => join(folder, 'node_modules', '@thingloom', 'node-red-iot')

/** Every file below a folder, as relative paths. */
export const filesBelow = (folder: string, end: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith(end))
    .toSorted()

export const readJson = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T
