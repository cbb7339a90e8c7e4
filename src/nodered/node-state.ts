import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** What a node remembers over a restart: one file, replaced as a whole. */
export class NodeState {
  readonly #file: string

  /** `kind` is the file's extension; node ids are safe in names, others are refused by the runtime. */
  constructor(o: { userDir?: string | undefined; nodeId: string; kind: string }) {
    const home = o.userDir ?? join(homedir(), '.node-red')
    this.#file = join(home, 'thingloom', '_nodes', `${encodeURIComponent(o.nodeId)}.${o.kind}`)
  }

  /** Reads and removes it: after a crash an old state must not come back. */
  async take(): Promise<Uint8Array | undefined> {
    try {
      const state = await readFile(this.#file)
      await rm(this.#file, { force: true })
      return state
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw thrown
    }
  }

  /** Resolves when it is on disk. */
  async write(state: Uint8Array): Promise<void> {
    const folder = dirname(this.#file)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const temporary = `${this.#file}.new`
    const handle = await open(temporary, 'w', 0o600)
    try {
      await handle.writeFile(state)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, this.#file)
  }

  async remove(): Promise<void> {
    await rm(this.#file, { force: true })
  }
}
