/** Of a device, as far as a gateway is concerned. */
export interface LeafState {
  /** the device it is behind: its attribute `gateway` */
  gateway?: string
  /** registered, enabled, not retired */
  alive: boolean
  quarantined: boolean
}

/** What stands between a gateway and a device; undefined: nothing. */
export type LeafFault = 'not-behind' | 'gateway-gone' | 'gateway-quarantined' | 'device-gone'

/**
 * Which devices are behind which gateway. One place of truth: the attribute `gateway` of the device. A gateway that is itself behind another one speaks for its own devices only, and nobody is
 * behind himself.
 */
export class LeafBook {
  readonly #leaves = new Map<string, LeafState & { gateway: string }>()
  readonly #gateways = new Map<string, { state: LeafState; leaves: Set<string> }>()

  /** Whether a change of that device concerns the book. */
  knows(id: string): boolean {
    return this.#leaves.has(id) || this.#gateways.has(id)
  }

  gatewayOf(leaf: string): string | undefined {
    return this.#leaves.get(leaf)?.gateway
  }

  isQuarantined(leaf: string): boolean {
    return this.#leaves.get(leaf)?.quarantined ?? false
  }

  /** By id, ascending. */
  leavesOf(gateway: string): string[] {
    return [...(this.#gateways.get(gateway)?.leaves ?? [])].sort()
  }

  countOf(gateway: string): number {
    return this.#gateways.get(gateway)?.leaves.size ?? 0
  }

  faultOf(gateway: string, leaf: string): LeafFault | undefined {
    const state = this.#leaves.get(leaf)
    if (state?.gateway !== gateway) return 'not-behind'
    const behind = this.#gateways.get(gateway)!.state
    if (!behind.alive) return 'gateway-gone'
    if (behind.quarantined) return 'gateway-quarantined'
    return state.alive ? undefined : 'device-gone'
  }

  /** The device as it is now; undefined: there is none. Returns a gateway that is named for the first time, whose own state must be set. */
  set(id: string, state: LeafState | undefined): string | undefined {
    const known = this.#gateways.get(id)
    if (known) known.state = state ?? gone
    const before = this.#leaves.get(id)
    const gateway = state?.gateway === id ? undefined : state?.gateway
    if (before && before.gateway !== gateway) {
      this.#leaves.delete(id)
      const { leaves } = this.#gateways.get(before.gateway)!
      leaves.delete(id)
      if (!leaves.size) this.#gateways.delete(before.gateway)
    }
    if (!state || gateway === undefined) return undefined
    this.#leaves.set(id, { ...state, gateway })
    const behind = this.#gateways.get(gateway)
    if (behind) {
      behind.leaves.add(id)
      return undefined
    }
    this.#gateways.set(gateway, { state: gone, leaves: new Set([id]) })
    return gateway
  }
}

const gone: LeafState = { alive: false, quarantined: false }
