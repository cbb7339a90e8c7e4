import { LoomError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { StateStore } from '../storage/state-store.ts'
import { LeafBook, type LeafState } from '../topology/leaf-book.ts'
import { devicesColl } from './devices.ts'
import type { HubEvent } from './hub.ts'
import { inBatches } from './in-batches.ts'

const batch = 500

export interface LeavesParts {
  state: StateStore
  /** those that exist of at most 1,000 */
  devices(ids: readonly string[]): Promise<Pick<Identity, 'id' | 'enabled' | 'state'>[]>
  failed(error: unknown): void
}

/** The devices behind gateways, as they are stored: read at the start, and again when one of them changes. */
export class Leaves {
  readonly book = new LeafBook()
  readonly #parts: LeavesParts
  readonly #dirty = new Set<string>()
  readonly #told: ((leaves: readonly string[]) => void)[] = []
  #work: Promise<void> | undefined

  private constructor(parts: LeavesParts) {
    this.#parts = parts
  }

  static async open(parts: LeavesParts): Promise<Leaves> {
    const leaves = new Leaves(parts)
    await parts.state.declare(devicesColl, { indexes: ['attributes.gateway'] })
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await parts.state.query(devicesColl, {
        where: [['attributes.gateway', '>', '']],
        limit: batch,
        ...(cursor !== undefined && { cursor }),
      })
      for (const { id } of page.items) leaves.#dirty.add(id)
      cursor = page.next
    }
    await leaves.#readAll()
    return leaves
  }

  /** It may be another one now. */
  #look(id: string): void {
    this.#dirty.add(id)
    this.#start().catch(this.#parts.failed)
  }

  /** Of these devices it may be otherwise now whether a gateway acts for them, or which. */
  on(changed: (leaves: readonly string[]) => void): void {
    this.#told.push(changed)
  }

  followed(event: HubEvent): void {
    if (event.type !== 'device') return
    const { id, change } = event
    if (change === 'created' || change === 'updated' || (change === 'deleted' && this.book.knows(id))) this.#look(id)
  }

  /** Resolves when all that changed before is known. */
  async settled(): Promise<void> {
    while (this.#dirty.size || this.#work) await this.#start()
  }

  /** POLICY_DENIED, DEVICE_QUARANTINED, IDENTITY_DISABLED, IDENTITY_NOT_FOUND for a device that is not there. */
  async check(gateway: string, device: string): Promise<void> {
    await this.settled()
    const fault = this.book.faultOf(gateway, device)
    if (!fault) return
    const shown = JSON.stringify(String(device).slice(0, 128))
    if (fault === 'gateway-quarantined') throw new LoomError('DEVICE_QUARANTINED', `gateway "${gateway}"`)
    if (fault === 'device-gone') throw new LoomError('IDENTITY_DISABLED', shown)
    const [there] = fault === 'not-behind' ? await this.#parts.devices([device]) : [true]
    if (!there) throw new LoomError('IDENTITY_NOT_FOUND', shown)
    const why = fault === 'not-behind' ? 'set its attribute gateway to let it' : 'register and enable the gateway'
    throw new LoomError('POLICY_DENIED', `gateway "${String(gateway).slice(0, 128)}" may not act for ${shown}`, { hint: why })
  }

  #start(): Promise<void> {
    this.#work ??= this.#readAll().finally(() => (this.#work = undefined))
    return this.#work
  }

  #readAll(): Promise<void> {
    return inBatches(this.#dirty, batch, ids => this.#read(ids))
  }

  async #read(ids: readonly string[]): Promise<void> {
    const { state, devices } = this.#parts
    const [identities, { items }] = await Promise.all([
      devices(ids),
      state.query<{ attributes?: Record<string, string> }>(devicesColl, { where: [['id', 'in', ids]], limit: ids.length }),
    ])
    const known = new Map(identities.map(identity => [identity.id, identity]))
    const gateways = new Map(items.map(({ id, doc }) => [id, doc.attributes?.gateway]))
    for (const id of ids) {
      const missing = this.book.set(id, stateOf(known.get(id), gateways.get(id)))
      if (missing !== undefined) this.#dirty.add(missing)
    }
    const concerned = [...new Set(ids.flatMap(id => [id, ...this.book.leavesOf(id)]))]
    for (const changed of this.#told) changed(concerned)
  }
}

function stateOf(identity: Pick<Identity, 'enabled' | 'state'> | undefined, gateway: string | undefined): LeafState | undefined {
  if (!identity) return undefined
  const { enabled, state } = identity
  return { alive: enabled && state !== 'retired', quarantined: state === 'quarantined', ...(gateway && { gateway }) }
}
