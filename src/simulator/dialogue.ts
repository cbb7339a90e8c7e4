import type { Link } from './link.ts'
import type { Machine } from './machine.ts'
import { callMethod } from './methods.ts'
import type { Clock } from './pacer.ts'
import type { Desired, Heard, WireForm } from './wire-form.ts'

type Json = Record<string, unknown>

/** What a flow is told of a device that was spoken to. */
export type Told =
  | { what: 'applied'; device: string; payload: Json; refused: string[]; version: number }
  | { what: 'shadow'; device: string; topic: string; payload: Json }
  | { what: 'called'; device: string; payload: unknown; name: string; status: number }
  | { what: 'message'; device: string; payload: unknown; id: string; contentType?: string; properties: Record<string, string> }

export interface DialoguePorts {
  clock: Clock
  told: (what: Told) => void
  /** Breaks the connection for so long. */
  away: (ms: number) => void
}

/** So long a device takes to do what is desired: people can see it happen. */
const reactionMs = 500

/**
 * What a device does with what the hub tells it: it takes over what is desired and it knows, reports itself, answers methods, takes messages. It drops versions
 * it has seen, goes on while it is away, and reports what is new when it is back.
 */
export class Dialogue {
  readonly #id: string
  readonly #machine: Machine
  readonly #ports: DialoguePorts
  #link: Link | undefined
  #form: WireForm | undefined
  /** of desired, as heard on this connection */
  #version = -1
  #heardAll = false
  #subscribed = false
  /** desired and not taken over yet */
  #wanted: Json = {}
  #wantedVersion = 0
  #react: (() => void) | undefined
  /** what the hub has of it; undefined: not known, an earlier life may have left something */
  #reported: Json | undefined
  #reporting = false
  /** methods it hears before are not answered */
  #muteUntil = 0
  readonly #pending = new Set<() => void>()

  constructor(o: { id: string; machine: Machine; ports: DialoguePorts }) {
    this.#id = o.id
    this.#machine = o.machine
    this.#ports = o.ports
  }

  /** A new connection; the one before has ended. */
  attach(link: Link, form: WireForm): void {
    this.#link = link
    this.#form = form
    this.#version = -1
    this.#heardAll = false
    this.#reporting = false
    link.listen(form.filters, {
      again: this.#subscribed,
      take: (topic, body) => {
        const heard = this.#link === link ? form.read(topic, body) : undefined
        if (heard) this.#hear(heard)
      },
      ready: () => {
        if (this.#link !== link) return
        this.#subscribed = true
        const letter = form.ask()
        if (letter) link.publish(letter.topic, letter.body, () => undefined)
      },
    })
  }

  detach(): void {
    this.#link = undefined
  }

  /** What it is may have changed otherwise. */
  changed(): void {
    const { state } = this.#machine
    if (!this.#link || !this.#heardAll || this.#reporting) return
    const now = state()
    const patch = unlike(now, this.#reported ?? {})
    if (!Object.keys(patch).length) return
    const link = this.#link
    const { topic, body } = this.#form!.report(patch)
    this.#reporting = true
    link.publish(topic, body, () => {
      if (this.#link !== link) return
      this.#reporting = false
      this.#reported = { ...this.#reported, ...patch }
      this.changed()
    })
  }

  stop(): void {
    this.detach()
    this.#react?.()
    for (const cancel of this.#pending) cancel()
    this.#pending.clear()
  }

  #hear(heard: Heard): void {
    if (heard.kind === 'desired') this.#desire(heard)
    else if (heard.kind === 'shadow') {
      const { topic, payload, desired } = heard
      this.#ports.told({ what: 'shadow', device: this.#id, topic, payload })
      if (desired) this.#desire(desired)
    } else if (heard.kind === 'method') this.#call(heard)
    else {
      const { kind: _, ...message } = heard
      this.#ports.told({ what: 'message', device: this.#id, ...message })
    }
  }

  #desire({ version, full, desired }: Desired): void {
    // All of it may overtake, or be overtaken by, a change that is newer.
    if (full ? version < this.#version : version <= this.#version) return
    this.#version = version
    this.#wanted = full ? desired : { ...this.#wanted, ...desired }
    this.#wantedVersion = version
    if (full) this.#heardAll = true
    this.#react ??= this.#later(reactionMs, () => this.#apply())
  }

  #apply(): void {
    this.#react = undefined
    const wanted = this.#wanted
    this.#wanted = {}
    const before = this.#machine.state()
    const asked = Object.entries(wanted).filter(([name, value]) => value !== null && value !== before[name])
    const refused = asked.filter(([name, value]) => !this.#machine.set(name, value)).map(([name]) => name)
    const payload = Object.fromEntries(asked.filter(([name]) => !refused.includes(name)))
    if (asked.length) this.#ports.told({ what: 'applied', device: this.#id, payload, refused, version: this.#wantedVersion })
    this.changed()
  }

  #call({ name, rid, payload }: Extract<Heard, { kind: 'method' }>): void {
    const { clock } = this.#ports
    if (clock.now() < this.#muteUntil) return
    const link = this.#link!
    const form = this.#form!
    const { afterMs = 0, awayMs, muteMs = 0, ...answer } = callMethod(name, payload, this.#machine)
    this.#muteUntil = clock.now() + muteMs
    this.#later(afterMs, () => {
      this.#ports.told({ what: 'called', device: this.#id, payload, name, status: answer.status })
      this.changed()
      if (this.#link !== link) return
      const letter = form.answer({ name, rid }, answer)
      link.publish(letter.topic, letter.body, () => {
        if (awayMs !== undefined && this.#link === link) this.#ports.away(awayMs)
      })
    })
  }

  #later(ms: number, work: () => void): () => void {
    const cancel = this.#ports.clock.after(ms, () => {
      this.#pending.delete(cancel)
      work()
    })
    this.#pending.add(cancel)
    return cancel
  }
}

/** The members that have another value there. */
const unlike = (now: Json, there: Json): Json =>
  Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== there[name]))
