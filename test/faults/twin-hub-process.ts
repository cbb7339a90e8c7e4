import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { tempFolder } from '../processes.ts'
import type { Asked } from './twin-hub.ts'

/** A hub in a process of its own, that may be killed at any moment. */
export class HubProcess {
  readonly #options: string
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #child: ChildProcess | undefined
  #next = 0

  constructor(listeners: HubOptions['listeners']) {
    this.#options = JSON.stringify({
      hubId: 'twins',
      dataDir: join(tempFolder('twins'), 'hub'),
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      allowAnonymous: true,
      listeners,
      limits: { connectsPerSecond: 0, connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    process.once('exit', this.#end)
  }

  readonly #end = (): void => void this.#child?.kill('SIGKILL')

  async start(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'twin-hub.ts'), [this.#options], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child = child
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the hub is gone'))
      this.#waiting.clear()
    })
    await new Promise<void>((resolve, reject) => {
      child.once('exit', code => reject(new Error(`the hub ended with ${code}`)))
      child.on('message', ({ ready, id, value, error }: { ready?: true; id: number; value?: unknown; error?: string }) => {
        if (ready) return resolve()
        const asked = this.#waiting.get(id)
        this.#waiting.delete(id)
        if (error === undefined) asked?.resolve(value)
        else asked?.reject(new Error(error))
      })
    })
  }

  async kill(): Promise<void> {
    const gone = once(this.#child!, 'exit')
    this.#child!.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    process.off('exit', this.#end)
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) await this.kill()
  }

  ask<Api extends Asked['api'], Method extends keyof Hub[Api] & string>(
    api: Api,
    method: Method,
    arg: object,
  ): Promise<Hub[Api][Method] extends (o: never) => Promise<infer Value> ? Value : never> {
    const id = ++this.#next
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child!.send({ id, api, method, arg }, error => {
        if (error && this.#waiting.delete(id)) reject(error)
      })
    })
  }
}
