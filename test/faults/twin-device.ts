import { connect, type MqttClient } from 'mqtt'
import { mergeSection, patchBetween } from '../../src/twin/merge.ts'
import type { seeded } from '../seeded.ts'

type Section = Record<string, unknown>
type Body = Record<string, any>

export interface TwinDeviceParts {
  id: string
  port: number
  login: { clientId: string; username?: string; password?: string }
  random: ReturnType<typeof seeded>
  /** Applies what comes as it comes, whatever its version: what a device must not do. */
  careless?: true
}

/** What a dialect makes of a connection. Its topics are told apart by `hear`. */
interface Tongue {
  filters: string[]
  /** its session is kept, and it subscribes once in its life */
  once: boolean
  clean: boolean
  /** a request for all of it */
  ask(rid: number): [topic: string, payload: string]
  report(rid: number, patch: Section, base: number | undefined): [topic: string, payload: string]
  read(topic: string, body: Body): Heard | undefined
}

type Heard =
  | { kind: 'push'; version: number; patch: Section /** of all that differs, not of one change */; whole?: true }
  | { kind: 'state'; rid?: number; version: number; desired: Section; reported?: Section; reportedVersion?: number }
  | { kind: 'answer'; rid: number; ok: boolean; version?: number }

const requestLimitMs = 20_000

/**
 * A device that merges what is desired of it into its own state and reports that. The network before it drops connections, holds messages back and doubles them. It
 * asks for all of its twin when it is back, and when it missed a version.
 */
export class TwinDevice {
  readonly id: string
  /** what it does now */
  own: Section = {}
  readonly faults: string[] = []
  readonly counts = { connects: 0, pushes: 0, dropped: 0, gaps: 0, reports: 0, refused: 0, live: 0, caughtUp: 0 }
  readonly #parts: TwinDeviceParts
  readonly #tongue: Tongue
  readonly #newest = new Map<string, number>()
  #client: MqttClient | undefined
  #stopped = false
  #subscribed = false
  #held: [topic: string, body: Body] | undefined
  #seen = 0
  #arrived = 0
  #rid = 0
  #asking: number | undefined
  #reporting: { rid: number; state: Section } | undefined
  #reported: Section | undefined
  #base: number | undefined
  #watch: NodeJS.Timeout | undefined

  constructor(parts: TwinDeviceParts, tongue: Tongue) {
    this.id = parts.id
    this.#parts = parts
    this.#tongue = tongue
    this.#dial()
  }

  /** It listens, and has heard all that was desired when it came. */
  get there(): boolean {
    return this.#client?.connected === true && this.#reported !== undefined && this.#asking === undefined
  }

  /** Without DISCONNECT. */
  drop(): void {
    this.#client?.stream?.destroy()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#watch)
    await this.#client?.endAsync(true).catch(() => {})
  }

  #dial(): void {
    if (this.#stopped) return
    const { port, login, random } = this.#parts
    const { clean, once } = this.#tongue
    const client = connect(`mqtt://127.0.0.1:${port}`, {
      ...login,
      clean,
      protocolVersion: 4,
      reconnectPeriod: 0,
      connectTimeout: 30_000,
      resubscribe: false,
      queueQoSZero: false,
    })
    this.#client = client
    client.on('error', () => {})
    client.on('message', (topic, payload) => this.#arrives(client, topic, payload))
    client.once('connect', ({ sessionPresent }) => {
      this.counts.connects++
      if (once && this.#subscribed) {
        if (!sessionPresent) this.faults.push('its session was forgotten')
        return this.#ask()
      }
      client.subscribe(this.#tongue.filters, { qos: 1 }, (error, granted) => {
        if (error || client !== this.#client) return
        if (granted?.some(({ qos }) => qos > 1)) this.faults.push('a filter was refused')
        this.#subscribed = true
        this.#ask()
      })
    })
    client.once('close', () => {
      client.end(true)
      clearTimeout(this.#watch)
      this.#held = this.#asking = this.#reporting = this.#reported = undefined
      this.#arrived = 0
      setTimeout(() => this.#dial(), 10 + random.below(200)).unref()
    })
  }

  #publish([topic, payload]: [string, string]): void {
    this.#client?.publish(topic, payload, { qos: 1 }, () => {})
    clearTimeout(this.#watch)
    // No answer is as good as no connection
    this.#watch = setTimeout(() => (this.#asking || this.#reporting) && this.drop(), requestLimitMs).unref()
  }

  #ask(): void {
    if (this.#asking !== undefined) return
    this.#asking = ++this.#rid
    this.#publish(this.#tongue.ask(this.#asking))
  }

  #report(): void {
    if (this.#reporting || !this.#reported || this.#parts.careless) return
    const patch = patchBetween(this.#reported, this.own)
    if (!Object.keys(patch).length) return
    const rid = ++this.#rid
    this.#reporting = { rid, state: this.own }
    this.counts.reports++
    this.#publish(this.#tongue.report(rid, patch, this.#parts.random.next() < 0.3 ? this.#base : undefined))
  }

  /** The network: what arrives may be held until the next message has passed it, or come twice. */
  #arrives(client: MqttClient, topic: string, payload: Buffer): void {
    if (client !== this.#client) return
    const body = payload.length ? (JSON.parse(payload.toString()) as Body) : {}
    this.#order(topic, body)
    const { random } = this.#parts
    const held = this.#held
    if (!held && random.next() < 0.15) {
      const mine: [string, Body] = [topic, body]
      this.#held = mine
      setTimeout(() => {
        if (this.#held !== mine) return
        this.#held = undefined
        this.#hear(...mine)
      }, 20).unref()
      return
    }
    this.#held = undefined
    this.#hear(topic, body)
    if (held) this.#hear(...held)
    if (random.next() < 0.05) this.#hear(topic, body)
  }

  /** As they come over one connection, versions grow: each change is told once, in its turn. */
  #order(topic: string, body: Body): void {
    const heard = this.#tongue.read(topic, body)
    if (heard?.kind !== 'push' && !(heard?.kind === 'state' && heard.rid === undefined)) return
    const again = heard.kind === 'state' || heard.whole === true
    if (heard.version < this.#arrived || (heard.version === this.#arrived && !again))
      this.faults.push(`version ${heard.version} after ${this.#arrived}`)
    this.#arrived = Math.max(this.#arrived, heard.version)
  }

  #hear(topic: string, body: Body): void {
    const heard = this.#tongue.read(topic, body)
    if (!heard) return
    if (heard.kind === 'push') this.#pushed(heard)
    else if (heard.kind === 'state') this.#told(heard)
    else this.#answered(heard)
  }

  #pushed({ version, patch, whole }: Heard & { kind: 'push' }): void {
    this.counts.pushes++
    const old = whole ? version < this.#seen : version <= this.#seen
    const gap = !old && !whole && version !== this.#seen + 1
    if (this.#parts.careless || !(old || gap)) {
      this.#become(mergeSection(this.own, patch), version, this.#asking === undefined)
      this.#report()
    } else if (gap) {
      this.counts.gaps++
      this.#ask()
    } else this.counts.dropped++
  }

  #told({ rid, version, desired, reported, reportedVersion }: Heard & { kind: 'state' }): void {
    if (rid !== undefined && rid !== this.#asking) return
    if (rid !== undefined) this.#asking = undefined
    if (reported) {
      if (!this.#reporting) this.#reported = reported
      this.#base = reportedVersion
    }
    if (version > this.#seen && !this.#parts.careless) this.#become(desired, version)
    // what was missed may be newer than this answer
    this.#report()
  }

  #answered({ rid, ok, version }: Heard & { kind: 'answer' }): void {
    if (rid === this.#asking) {
      // there is no shadow yet
      this.#asking = undefined
      this.#reported = {}
    }
    if (rid !== this.#reporting?.rid) return
    const { state } = this.#reporting
    this.#reporting = undefined
    if (ok) {
      this.#reported = state
      this.#base = version
      this.#report()
    } else {
      this.counts.refused++
      this.#reported = undefined
      this.#ask()
    }
  }

  /** `live`: told while it was there, and not in an answer. Changes that it hears of in one with others it caught up with. */
  #become(next: Section, version: number, live = false): void {
    const learnt = Number(next.n ?? 0) - Number(this.own.n ?? 0)
    if (live && learnt === 1) this.counts.live++
    else this.counts.caughtUp += learnt
    for (const [key, n] of numbersOf(next)) {
      if (n < (this.#newest.get(key) ?? 0)) this.faults.push(`stale: ${key} ${n} after ${this.#newest.get(key)}`)
      this.#newest.set(key, Math.max(n, this.#newest.get(key) ?? 0))
    }
    this.own = next
    this.#seen = Math.max(this.#seen, version)
  }
}

/** The number in each value: which change of the device it was. */
function* numbersOf(value: unknown, at = ''): Generator<[string, number]> {
  if (typeof value === 'number') yield [at, value]
  else if (typeof value === 'object' && value)
    for (const key of Object.keys(value)) yield* numbersOf((value as Section)[key], `${at}.${key}`)
}

const withoutVersion = ({ $version, ...rest }: Body): Section => rest

export function plainDevice(parts: TwinDeviceParts): TwinDevice {
  const base = `devices/${parts.id}/twin`
  return new TwinDevice(parts, {
    filters: [`${base}/desired`, `${base}/answer/#`],
    once: false,
    clean: true,
    ask: rid => [`${base}/get/?rid=g${rid}`, ''],
    report: (rid, patch, version) => [
      `${base}/report/?rid=r${rid}${version === undefined ? '' : `&version=${version}`}`,
      JSON.stringify(patch),
    ],
    read(topic, body) {
      if (topic === `${base}/desired`)
        return body.full
          ? { kind: 'state', version: body.version, desired: body.desired }
          : { kind: 'push', version: body.version, patch: body.desired }
      const [, verb, number] = /answer\/([gr])(\d+)$/.exec(topic) ?? []
      const rid = Number(number)
      if (verb === 'r') return { kind: 'answer', rid, ok: body.status === 200, version: body.reportedVersion }
      if (body.status !== 200) return { kind: 'answer', rid, ok: false }
      const { desired, reported, desiredVersion, reportedVersion } = body
      return { kind: 'state', rid, version: desiredVersion, desired, reported, reportedVersion }
    },
  })
}

export function azureDevice(parts: TwinDeviceParts): TwinDevice {
  return new TwinDevice(parts, {
    filters: ['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#'],
    once: true,
    clean: false,
    ask: rid => [`$iothub/twin/GET/?$rid=g${rid}`, ' '],
    report: (rid, patch, version) => [
      `$iothub/twin/PATCH/properties/reported/?$rid=r${rid}${version === undefined ? '' : `&$version=${version}`}`,
      JSON.stringify(patch),
    ],
    read(topic, body) {
      if (topic.startsWith('$iothub/twin/PATCH/')) return { kind: 'push', version: body.$version, patch: withoutVersion(body) }
      const [, status, verb, number, , version] = /res\/(\d+)\/\?\$rid=([gr])(\d+)(&\$version=(\d+))?/.exec(topic) ?? []
      const rid = Number(number)
      if (verb === 'r') return { kind: 'answer', rid, ok: status === '204', ...(version && { version: Number(version) }) }
      if (status !== '200') return { kind: 'answer', rid, ok: false }
      const [desired, reported] = [withoutVersion(body.desired), withoutVersion(body.reported)]
      return { kind: 'state', rid, version: body.desired.$version, desired, reported, reportedVersion: body.reported.$version }
    },
  })
}

export function awsDevice(parts: TwinDeviceParts): TwinDevice {
  const base = `$aws/things/${parts.id}/shadow`
  const ridOf = (token: unknown) => Number(/^\w(\d+)$/.exec(String(token))?.[1])
  return new TwinDevice(parts, {
    filters: ['get/accepted', 'get/rejected', 'update/accepted', 'update/rejected', 'update/delta'].map(end => `${base}/${end}`),
    once: false,
    clean: parts.random.next() < 0.5,
    ask: rid => [`${base}/get`, `{"clientToken":"g${rid}"}`],
    report: (rid, patch, version) => [
      `${base}/update`,
      JSON.stringify({ state: { reported: patch }, clientToken: `r${rid}`, ...(version !== undefined && { version }) }),
    ],
    read(topic, body) {
      const end = topic.slice(base.length + 1)
      const rid = ridOf(body.clientToken)
      if (end === 'update/delta') return { kind: 'push', version: body.version, patch: body.state, whole: true }
      if (end === 'get/accepted') {
        const { desired = {}, reported = {} } = body.state
        return { kind: 'state', rid, version: body.version, desired, reported, reportedVersion: body.version }
      }
      if (!rid) return undefined
      if (end === 'get/rejected') return { kind: 'answer', rid, ok: false }
      return { kind: 'answer', rid, ok: end === 'update/accepted', version: body.version }
    },
  })
}
