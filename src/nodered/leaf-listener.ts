import { randomUUID } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Hub, HubEvent } from '../hub/hub.ts'

export type LeafNews = Extract<HubEvent, { type: 'leaf' }>

export interface LeafPorts {
  heard(news: LeafNews): void
  /** The hub does not take the gateway back. */
  failed(error: Error): void
}

/** How long a node that is deployed anew still counts as there: its successor takes its place without a word to the devices. */
const handoverMs = 5000
const reannounced = 100

/** What is for the devices of one gateway, and which of them it has. Goes on by itself when the hub was restarted, and says again who is there. */
export class LeafListener {
  readonly #hub: Hub
  readonly #gateway: string
  readonly #ports: LeafPorts
  readonly #listener: string
  /** Two instances of one node do not end each other. */
  readonly #instance = randomUUID()
  readonly #online = new Set<string>()
  #leave: (() => void) | undefined

  private constructor(hub: Hub, o: { gateway: string; ports: LeafPorts; listener: string }) {
    this.#hub = hub
    this.#gateway = o.gateway
    this.#ports = o.ports
    this.#listener = o.listener
  }

  /** `listener`: the node; who opens under the same name takes the place of the one before. */
  static async open(hub: Hub, o: { gateway: string; ports: LeafPorts; listener: string }): Promise<LeafListener> {
    const leaves = new LeafListener(hub, o)
    leaves.#leave = hub.subscribe(event => leaves.#hear(event))
    try {
      await leaves.#again()
    } catch (thrown) {
      // A hub that is away for now says when it is back.
      if (!(thrown instanceof LoomError && thrown.code === 'HUB_DOWN')) {
        leaves.stop()
        throw thrown
      }
    }
    return leaves
  }

  /** devices that it has */
  get size(): number {
    return this.#online.size
  }

  async online(device: string, reason?: string): Promise<boolean> {
    const { changed } = await this.#presence(device, true, reason)
    this.#online.add(device)
    return changed
  }

  async offline(device: string, reason?: string): Promise<boolean> {
    this.#online.delete(device)
    return (await this.#presence(device, false, reason)).changed
  }

  /** Nothing comes any more; to the hub the gateway is still there. */
  stop(): void {
    this.#leave?.()
    this.#leave = undefined
  }

  /** `gone`: nobody takes its place, so its devices are away at once. */
  async close({ gone }: { gone: boolean }): Promise<void> {
    this.stop()
    const end = async (): Promise<void> => void (await this.#attend(false).catch(() => undefined)) // a hub that is away has forgotten it
    if (gone) return end()
    setTimeout(end, handoverMs).unref()
  }

  #presence(device: string, online: boolean, reason: string | undefined): Promise<{ changed: boolean }> {
    const said = { gateway: this.#gateway, device, online, ...(reason !== undefined && { reason }) }
    return this.#hub.gateways.presence(said)
  }

  #attend(on: boolean): Promise<{ known: boolean }> {
    return this.#hub.gateways.attend({ gateway: this.#gateway, listener: this.#listener, instance: this.#instance, on })
  }

  #hear(event: HubEvent): void {
    if (event.type === 'leaf') {
      if (event.listener === this.#listener && event.gateway === this.#gateway) this.#ports.heard(event)
    } else if (event.type === 'health' && (event.status === 'ok' || event.status === 'degraded'))
      this.#again().catch(thrown => {
        if (this.#leave) this.#ports.failed(LoomError.from(thrown))
      })
  }

  async #again(): Promise<void> {
    const { known } = await this.#attend(true)
    const devices = [...this.#online]
    for (let at = 0; !known && at < devices.length; at += reannounced)
      // One that may not be had any more says so when the flow names it.
      await Promise.allSettled(devices.slice(at, at + reannounced).map(device => this.#presence(device, true, undefined)))
  }
}
