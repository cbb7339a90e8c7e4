import type { Hub } from '../../hub/hub.ts'
import type { Health } from '../../routing/action/health.ts'
import type { Status, StatusState } from '../status.ts'

const looks: Record<Health, StatusState> = {
  unknown: 'ok',
  healthy: 'ok',
  degraded: 'warn',
  unhealthy: 'waiting',
  dead: 'error',
}
const lookMs = 2000

interface Parts {
  hub: Pick<Hub, 'actions' | 'subscribe'> | undefined
  node: string
  resource: string
  status: Status
  /** The word for a health that needs one, and for what waits. */
  text(key: 'waiting' | 'dead' | 'failed'): string
}

/** Shows how many messages were taken, and what waits for an endpoint for as long as it does. */
export class ActionStatus {
  readonly #parts: Parts
  readonly #leave: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #health: Health = 'unknown'
  #waiting = 0
  #stopped = false
  done = 0
  failed = 0

  constructor(parts: Parts) {
    this.#parts = parts
    this.#leave = parts.hub?.subscribe(event => {
      if (event.type !== 'endpoint' || event.id !== parts.node || event.resource !== parts.resource) return
      this.#health = event.health
      this.#waiting = event.waiting
      this.show()
    })
    this.#look()
  }

  show(): void {
    const { status, text } = this.#parts
    const parts = [String(this.done)]
    if (this.#waiting) parts.push(`${this.#waiting} ${text('waiting')}`)
    if (this.failed) parts.push(`${this.failed} ${text('failed')}`)
    if (this.#health === 'dead') parts.push(text('dead'))
    status(looks[this.#health], parts.join(' · '))
    if (this.#waiting || this.#health === 'unhealthy') this.#later()
  }

  /** Something waits: how much is asked for from time to time. */
  spooled(): void {
    this.#waiting++
    this.show()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#leave?.()
  }

  #later(): void {
    if (this.#stopped) return
    this.#timer ??= setTimeout(() => this.#look(), lookMs).unref()
  }

  #look(): void {
    this.#timer = undefined
    const { hub, node, resource } = this.#parts
    const asked = hub ? hub.actions.endpoints({}) : Promise.resolve({ items: [] })
    asked.then(
      ({ items }) => {
        const found = items.find(endpoint => endpoint.id === node && endpoint.resource === resource)
        if (found) [this.#health, this.#waiting] = [found.health, found.waiting]
        if (!this.#stopped) this.show()
      },
      // A hub that is away answers later.
      () => this.#later(),
    )
  }
}
