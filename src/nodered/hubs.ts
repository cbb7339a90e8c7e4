import { createHash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Hub, HubOptions } from '../hub/hub.ts'
import { checkNodeVersion } from '../storage/least-node.ts'

export type HubStarter = (options: HubOptions) => Promise<Hub>

export interface HubsOptions {
  start: HubStarter
  /** How long a hub outlives its config node, so that a deploy disconnects no device. */
  lingerMs?: number
  /** Runs `work` after `ms` unless the returned function is called. */
  later?: (work: () => void, ms: number) => () => void
}

/** What a config node holds of its hub. */
export interface Attachment {
  /** Rejects with the reason when the hub cannot start. */
  hub: Promise<Hub>
  /** Gives the hub up; it ends unless it is taken up again within the linger time. */
  release(): Promise<void>
}

export interface HubRef {
  hubId: string
  hub: Hub
  /** absolute */
  dataDir: string
}

interface Entry {
  options: HubOptions
  hash: string
  hub: Promise<Hub>
  state: 'starting' | 'running' | 'failed'
  /** id of the config node, undefined while nobody holds it */
  owner?: string | undefined
  cancelEnd?: (() => void) | undefined
  closing?: Promise<void>
}

const hashOf = (options: HubOptions): string => createHash('sha256').update(JSON.stringify(options)).digest('hex')

const unrefTimeout = (work: () => void, ms: number): (() => void) => {
  const timer = setTimeout(work, ms).unref()
  return () => clearTimeout(timer)
}

/** The hubs of this runtime by hub id. Each belongs to at most one config node; a config node re-attaches to a hub with the same options. */
export class Hubs {
  readonly #start: HubStarter
  readonly #lingerMs: number
  readonly #later: NonNullable<HubsOptions['later']>
  readonly #entries = new Map<string, Entry>()
  readonly #owners = new Map<string, Promise<HubRef>>()
  #stopping = false

  constructor({ start, lingerMs = 5000, later = unrefTimeout }: HubsOptions) {
    this.#start = start
    this.#lingerMs = lingerMs
    this.#later = later
  }

  /** Never throws: what is wrong, with the options or the id (HUB_ID_TAKEN), is the rejection of `hub`. */
  attach(owner: string, optionsOf: () => HubOptions): Attachment {
    let entry: Entry | undefined
    let hub: Promise<Hub>
    let [hubId, dataDir] = ['', '']
    try {
      const options = optionsOf()
      hubId = options.hubId
      dataDir = options.dataDir
      entry = this.#take(owner, options)
      hub = entry.hub
    } catch (thrown) {
      hub = Promise.reject(thrown)
    }
    const ref = hub.then(running => ({ hubId, hub: running, dataDir }))
    ref.catch(() => undefined)
    this.#owners.set(owner, ref)
    return {
      hub,
      release: async () => {
        if (this.#owners.get(owner) === ref) this.#owners.delete(owner)
        if (entry?.owner === owner) await this.#leave(entry)
      },
    }
  }

  /** The hub of a config node. HUB_MISSING, or the reason why it did not start. */
  async of(owner: string | undefined): Promise<HubRef> {
    const ref = owner ? this.#owners.get(owner) : undefined
    if (!ref) throw new LoomError('HUB_MISSING', '', { hint: 'choose a hub in the node and deploy' })
    return ref
  }

  /** The hub of an id, once it runs. NOT_FOUND, or HUB_DOWN while it does not run. */
  async byId(hubId: string): Promise<Hub> {
    const entry = this.#entries.get(hubId)
    if (!entry) throw new LoomError('NOT_FOUND', `hub ${hubId.slice(0, 64)}`)
    if (entry.state !== 'running') throw new LoomError('HUB_DOWN', `hub ${hubId} is ${entry.state}`)
    return entry.hub
  }

  list(): { id: string; name: string; state: Entry['state'] }[] {
    return [...this.#entries.values()].map(({ options, state }) => ({
      id: options.hubId,
      name: options.name || options.hubId,
      state,
    }))
  }

  /** From now on a hub ends with its config node: the process is about to exit. */
  stopping(): void {
    this.#stopping = true
  }

  /** Ends every hub now. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(entry => this.#end(entry)))
  }

  #take(owner: string, options: HubOptions): Entry {
    const hash = hashOf(options)
    const there = this.#entries.get(options.hubId)
    if (there?.owner !== undefined)
      throw new LoomError('HUB_ID_TAKEN', options.hubId, { hint: 'give each hub node its own hub id' })
    there?.cancelEnd?.()
    if (there && there.hash === hash && there.state !== 'failed' && !there.closing) {
      there.owner = owner
      return there
    }
    const inTheWay = [...this.#entries.values()].filter(
      entry => entry === there || (entry.owner === undefined && overlap(entry.options, options)),
    )
    const entry: Entry = {
      options,
      hash,
      owner,
      state: 'starting',
      hub: Promise.all(inTheWay.map(old => this.#end(old))).then(() => this.#start(options)),
    }
    entry.hub.then(
      () => {
        entry.state = 'running'
      },
      () => {
        entry.state = 'failed'
      },
    )
    this.#entries.set(options.hubId, entry)
    return entry
  }

  async #leave(entry: Entry): Promise<void> {
    entry.owner = undefined
    if (this.#stopping || entry.state === 'failed') return this.#end(entry)
    entry.cancelEnd = this.#later(() => void this.#end(entry), this.#lingerMs)
  }

  #end(entry: Entry): Promise<void> {
    entry.cancelEnd?.()
    entry.closing ??= entry.hub
      .then(hub => hub.close())
      .catch(() => undefined) // a hub that never started, or failed to close, holds nothing
      .finally(() => {
        if (this.#entries.get(entry.options.hubId) === entry) this.#entries.delete(entry.options.hubId)
      })
    return entry.closing
  }
}

/** Two hubs that want the same folder or port cannot run side by side. */
function overlap(a: HubOptions, b: HubOptions): boolean {
  if (a.dataDir === b.dataDir) return true
  const ports = new Set(a.listeners.map(listener => listener.port))
  return b.listeners.some(({ port }) => port !== 0 && ports.has(port))
}

const startInThread: HubStarter = async options => {
  checkNodeVersion(process.versions.node)
  const { startHub } = await import('../hub/start-hub.ts')
  return startHub(options)
}

let starter = startInThread

/** Replaces how hubs are started; without an argument back to the hub thread. */
export function setHubStarter(start: HubStarter = startInThread): void {
  starter = start
}

/** The one registry of this process: config nodes come and go with each deploy, hubs do not. */
export const hubs = new Hubs({ start: options => starter(options) })

/** The running hub that a node's `hub` field names; waits for its start. */
export const hubOf = (config: { hub?: string }): Promise<HubRef> => hubs.of(config.hub)
