import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A process of this test run. It is killed, with its own children left to it, when the run ends, however it ends. */
export interface Child {
  readonly pid: number
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  running(): boolean
  /** What it wrote so far, both streams. */
  output(): string
  /** The first match in its output, also in what was written before the call. Rejects, with the output's end, when it exits or the limit passes. */
  says(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>
  write(text: string): void
  /** Sends the signal and waits for the end; after the limit SIGKILL. */
  stop(signal?: NodeJS.Signals, limitMs?: number): Promise<void>
}

const live = new Set<ChildProcess>()
const folders = new Set<string>()

process.once('exit', () => {
  for (const child of live) child.kill('SIGKILL')
  if (!process.env.KEEP_TEMP) for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder under the system's temporary one, removed when the run ends (kept with KEEP_TEMP). */
export function tempFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `thingloom-${name}-`))
  folders.add(folder)
  return folder
}

export function start(
  command: string,
  args: readonly string[],
  { env, cwd }: { env?: Record<string, string | undefined>; cwd?: string } = {},
): Child {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  live.add(child)
  let written = ''
  const watchers = new Set<() => void>()
  const take = (chunk: string) => {
    written += chunk
    for (const look of watchers) look()
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  child.stdin.on('error', () => {})
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(resolve => {
    child.once('error', error => take(`${error}\n`))
    child.once('close', (code, signal) => {
      live.delete(child)
      resolve({ code, signal })
    })
  })
  const title = [command.split('/').at(-1), ...args].join(' ')
  return {
    pid: child.pid ?? 0,
    exited,
    running: () => live.has(child),
    output: () => written,
    says: (pattern, limitMs = 30_000) =>
      new Promise((resolve, reject) => {
        const end = (why?: string) => {
          clearTimeout(timer)
          watchers.delete(look)
          if (why) reject(new Error(`${title}: ${why} before ${pattern}\n${written.slice(-4000)}`))
        }
        const look = () => {
          const match = pattern.exec(written)
          if (match) {
            end()
            resolve(match)
          }
        }
        const timer = setTimeout(() => end(`nothing within ${limitMs} ms`), limitMs)
        watchers.add(look)
        look()
        exited.then(({ code, signal }) => end(`ended with ${code ?? signal}`))
      }),
    write: text => void child.stdin.write(text),
    async stop(signal = 'SIGTERM', limitMs = 15_000) {
      if (!live.has(child)) return
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
      await exited
      clearTimeout(timer)
    },
  }
}

/** Ends every process that is still running; for `afterEach` and `after`. */
export async function stopAll(): Promise<void> {
  const ended = [...live].map(child => new Promise(resolve => child.once('close', resolve)))
  for (const child of live) child.kill('SIGKILL')
  await Promise.all(ended)
}

/** Runs a command to its end; rejects with its output unless it ends with 0. */
export async function run(
  command: string,
  args: readonly string[],
  { limitMs = 120_000, ...options }: { env?: Record<string, string | undefined>; cwd?: string; limitMs?: number } = {},
): Promise<string> {
  const child = start(command, args, options)
  const timer = setTimeout(() => child.stop('SIGKILL'), limitMs)
  const { code, signal } = await child.exited
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}\n${child.output().slice(-4000)}`)
  return child.output()
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

/** Asks again and again until the answer is neither false nor undefined nor null; a throwing question counts as no answer. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  limitMs = 20_000,
): Promise<Exclude<T, false | undefined | null>> {
  const end = Date.now() + limitMs
  let last: unknown
  while (Date.now() < end) {
    try {
      const answer = await ask()
      if (answer !== false && answer !== undefined && answer !== null) return answer as Exclude<T, false | undefined | null>
      last = undefined
    } catch (error) {
      last = error
    }
    await pause(40)
  }
  throw new Error(`${what}: not within ${limitMs} ms`, { cause: last })
}

/** True when the suite may skip for lack of `what`; with CI set a skip is a failure. */
export function maySkip(what: string): boolean {
  if (process.env.CI) throw new Error(`${what} is missing and CI allows no skip`)
  console.log(`      skipped: ${what} is missing`)
  return true
}
