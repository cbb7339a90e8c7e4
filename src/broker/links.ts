import type { Connection } from './broker-port.ts'
import type { Link } from './link.ts'

/** All connections of the broker, and who is next for a session key. */
export class Links {
  readonly #all = new Set<Link>()
  readonly #byId = new Map<string, Link>()
  readonly #byDevice = new Map<string, Set<Link>>()
  /** those that claimed a session, CONNACK or not */
  readonly #admitted = new Map<string, Set<Link>>()
  /** session key -> the latest connection admitted for it, and when all before it have ended */
  readonly #claims = new Map<string, { link: Link; before: Promise<unknown> }>()

  get open(): number {
    return this.#byId.size
  }

  add(link: Link): void {
    this.#all.add(link)
  }

  /** The connection got its CONNACK. */
  opened(link: Link): void {
    const { id, principal } = link.connection!
    this.#byId.set(id, link)
    put(this.#byDevice, principal.deviceId, link)
  }

  remove(link: Link): void {
    this.#all.delete(link)
    if (!link.connection) return
    const { id, principal, sessionKey } = link.connection
    this.#byId.delete(id)
    for (const links of [this.#byDevice, this.#admitted]) take(links, principal.deviceId, link)
    if (this.#claims.get(sessionKey)?.link === link) this.#claims.delete(sessionKey)
  }

  holder(sessionKey: string): Link | undefined {
    return this.#claims.get(sessionKey)?.link
  }

  /** Connections of a device, being decided or live, without the one that a connection under this key takes over. */
  countBeside(sessionKey: string, deviceId: string): number {
    const taken = this.holder(sessionKey)
    let count = 0
    for (const link of this.#admitted.get(deviceId) ?? []) if (!link.ending && link !== taken) count++
    return count
  }

  /** Makes this connection the session's; the one before it is closed. Resolves when it, and those before it, have ended. */
  async claim(link: Link, sessionKey: string): Promise<void> {
    put(this.#admitted, link.connection!.principal.deviceId, link)
    const held = this.#claims.get(sessionKey)
    const before = held ? Promise.all([held.before, held.link.closed]) : Promise.resolve()
    this.#claims.set(sessionKey, { link, before })
    held?.link.abort('DUPLICATE_CLIENTID')
    await before
  }

  get(id: string): Link | undefined {
    return this.#byId.get(id)
  }

  all(): Iterable<Link> {
    return this.#all
  }

  *connections(): Generator<Connection> {
    for (const { connection } of this.#byId.values()) yield connection!
  }

  connectionsOf(deviceId: string): readonly Connection[] {
    return [...(this.#byDevice.get(deviceId) ?? [])].map(({ connection }) => connection!)
  }
}

function put(links: Map<string, Set<Link>>, deviceId: string, link: Link): void {
  const found = links.get(deviceId)
  if (found) found.add(link)
  else links.set(deviceId, new Set([link]))
}

function take(links: Map<string, Set<Link>>, deviceId: string, link: Link): void {
  const found = links.get(deviceId)
  if (found?.delete(link) && !found.size) links.delete(deviceId)
}
