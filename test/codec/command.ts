import { spawnSync } from 'node:child_process'
import { maySkip } from '../processes.ts'

const limitMs = 60_000

/** What a command wrote; undefined where it is not installed, which is a failure in CI. */
export function run(command: string, args: readonly string[], input: string | Uint8Array = ''): Buffer | undefined {
  const { error, status, stdout, stderr } = spawnSync(command, args, { input, timeout: limitMs, maxBuffer: 64 * 1_048_576 })
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT') {
    maySkip(command)
    return undefined
  }
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.toString().slice(-2000)}`)
  return stdout
}

/** The Python of the system, where its packages of that name are. */
export function python(module: string): string | undefined {
  for (const command of ['/usr/bin/python3', 'python3'])
    if (spawnSync(command, ['-c', `import ${module}`], { timeout: limitMs }).status === 0) return command
  maySkip(`the package ${module} of Python`)
  return undefined
}
