import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Child, start, until } from './processes.ts'

export const root = resolve(import.meta.dirname, '..')

export interface FlowNode {
  id: string
  type: string
  z?: string
  [key: string]: unknown
}

export interface NodeRedProcess {
  readonly child: Child
  readonly url: string
  /** A request to the admin API; a status of 400 or more rejects with the answer. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<T>
  deploy(flows: FlowNode[]): Promise<void>
}

/** Makes a user folder that has this checkout linked as an installed package, the flows and settings for a quiet local run. */
export function userFolder(folder: string, flows: FlowNode[], { link = true }: { link?: boolean } = {}): string {
  mkdirSync(join(folder, 'node_modules', '@thingloom'), { recursive: true })
  if (link) symlinkSync(root, join(folder, 'node_modules', '@thingloom', 'node-red-iot'))
  const dependencies = { '@thingloom/node-red-iot': '*' }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'user', version: '0.0.0', private: true, ...(link && { dependencies }) }),
  )
  writeFileSync(join(folder, 'flows.json'), JSON.stringify(flows))
  // The editor's tips: their timer may fire before their place is made, a fault of the editor's own on a slow machine.
  writeFileSync(join(folder, '.config.users.json'), JSON.stringify({ _: { editor: { view: { 'view-show-tips': false } } } }))
  writeFileSync(
    join(folder, 'settings.cjs'),
    `module.exports = {
  uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: 'test', diagnostics: { enabled: false },
  functionGlobalContext: { fs: require('node:fs') }, editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
  telemetry: { enabled: false }, externalModules: { autoInstall: false },
  logging: { console: { level: process.env.NODE_RED_LEVEL || 'info', metrics: false, audit: false } },
}\n`,
  )
  return folder
}

/** Starts Node-RED on a user folder and waits until its flows run. */
export async function startNodeRed({
  folder,
  port,
  node = process.execPath,
  nodeRed = join(root, 'node_modules', 'node-red', 'red.js'),
  nodeArgs = [],
  env = {},
  limitMs = 60_000,
}: {
  folder: string
  port: number
  node?: string
  nodeRed?: string
  nodeArgs?: string[]
  env?: Record<string, string>
  limitMs?: number
}): Promise<NodeRedProcess> {
  const args = [...nodeArgs, nodeRed, '--userDir', folder, '--settings', join(folder, 'settings.cjs'), '--port', String(port)]
  const child = start(node, args, { cwd: folder, env: { NODE_OPTIONS: '', ...env } })
  await child.says(/Started flows/, limitMs)
  const url = `http://127.0.0.1:${port}`
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json', 'node-red-api-version': 'v1', accept: 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 500)}`)
    return (text && answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text) as T
  }
  await until('the editor answers', () => call('GET', '/settings'))
  return { child, url, call, deploy: async flows => void (await call('POST', '/flows', flows)) }
}
