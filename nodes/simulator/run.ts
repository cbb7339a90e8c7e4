import { LoomError } from '../../src/errors.ts'
import type { HubRef } from '../../src/nodered/hubs.ts'
import type { Endpoint } from '../../src/simulator/link.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'

type HubEvent = Parameters<Parameters<HubRef['hub']['subscribe']>[0]>[0]

export interface RunPorts {
  /** Where devices connect; rejects while the hub takes none. */
  endpoint: () => Promise<Endpoint>
  begin: (endpoint: Endpoint) => Promise<Simulator>
  /** The fleet is wanted and the hub takes no devices; told again with each try. */
  waiting: (reason: Error) => void
  /** A try that nobody waits for failed for good. */
  failed: (error: Error) => void
  /** It runs on, but devices may not find the hub again. */
  astray: (error: Error) => void
}

/** The fleet of a node: it runs while it is wanted, and waits for the hub as long as that takes no devices. */
export class Run {
  readonly #ports: RunPorts
  #wanted = false
  #waits = false
  #beginning: Promise<Error | undefined> | undefined
  #worker: Promise<Simulator> | undefined
  #simulator: Simulator | undefined

  constructor(ports: RunPorts) {
    this.#ports = ports
  }

  /** Undefined while none runs. */
  get simulator(): Simulator | undefined {
    return this.#simulator
  }

  /** Resolves with what it waits for, or with nothing once it runs. */
  start(): Promise<Error | undefined> {
    this.#wanted = true
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = undefined
    })
    return this.#beginning
  }

  async stop(): Promise<void> {
    this.#wanted = false
    this.#waits = false
    await this.#worker?.catch(() => undefined)
    const ending = this.#simulator
    this.#simulator = undefined
    await ending?.stop()
  }

  /** It ended by itself; false if it never ran, then `start` tells. */
  ended(): boolean {
    const ran = this.#simulator !== undefined
    this.#simulator = undefined
    this.#wanted = false
    return ran
  }

  /** Tries again, at every sign of life, when it waits; a hub that was restarted may have taken another port. */
  hear(event: HubEvent): void {
    const works = event.type === 'metrics' || (event.type === 'health' && (event.status === 'ok' || event.status === 'degraded'))
    if (!works) return
    if (this.#waits && !this.#beginning) this.start().catch(thrown => this.#ports.failed(LoomError.from(thrown)))
    else if (this.#simulator && event.type === 'health')
      this.#follow().catch(thrown => this.#ports.astray(LoomError.from(thrown)))
  }

  async #begin(): Promise<Error | undefined> {
    if (this.#simulator) return undefined
    let endpoint: Endpoint
    try {
      endpoint = await this.#ports.endpoint()
    } catch (thrown) {
      const reason = LoomError.from(thrown)
      this.#waits = this.#wanted
      if (this.#wanted) this.#ports.waiting(reason)
      return reason
    }
    this.#waits = false
    if (!this.#wanted) return undefined
    this.#worker = this.#ports.begin(endpoint)
    try {
      this.#simulator = await this.#worker
    } finally {
      this.#worker = undefined
    }
    return undefined
  }

  async #follow(): Promise<void> {
    await this.#simulator?.setEndpoint(await this.#ports.endpoint())
  }
}
