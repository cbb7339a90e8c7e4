import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { maySkip } from '../processes.ts'

const found = (() => {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).startsWith('OpenSSL')
  } catch {
    return false
  }
})()

/** Skips a suite where there is no openssl; on CI that is a failure. */
export function needOpenssl(context: Mocha.Context): void {
  if (!found && maySkip('openssl')) context.skip()
}

/** A folder for one suite in which openssl runs. */
export class OpensslFolder {
  #path = ''

  async open(): Promise<void> {
    this.#path = await mkdtemp(join(tmpdir(), 'openssl-'))
  }

  path(name: string): string {
    return join(this.#path, name)
  }

  write(files: Record<string, string | Uint8Array>): Promise<unknown> {
    return Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(this.#path, name), content)))
  }

  /** Runs openssl with words split at blanks; resolves with everything it said, and whether it succeeded. */
  run(command: string): Promise<{ ok: boolean; text: string }> {
    return new Promise(resolve => {
      execFile('openssl', command.split(' '), { cwd: this.#path, timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ ok: !error, text: stdout + stderr }),
      )
    })
  }

  async close(): Promise<void> {
    if (this.#path) await rm(this.#path, { recursive: true, force: true })
  }
}
