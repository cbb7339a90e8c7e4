import { randomUUID } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Hub, HubEvent } from '../hub/hub.ts'

export type ProvisioningQuestion = Pick<Extract<HubEvent, { type: 'provisioning-question' }>, 'request' | 'until'>

export interface QuestionPorts {
  wanted(request: ProvisioningQuestion['request']): boolean
  ask(question: ProvisioningQuestion): void
  /** One was answered, or its time is over. */
  ended(): void
  /** The hub does not tell its questions. */
  failed(error: Error): void
}

/** How long a node that is deployed anew still counts as listening: what is asked meanwhile waits for its successor. */
const handoverMs = 5000

/**
 * Questions of a hub about devices that want an identity, each once; those that were open before come too. It goes on by itself when the hub was
 * restarted.
 */
export class Questions {
  readonly #hub: Hub
  readonly #ports: QuestionPorts
  readonly #listener: string
  /** Two instances of one node do not end each other. */
  readonly #instance = randomUUID()
  readonly #open = new Map<string, { until: number; timer: NodeJS.Timeout }>()
  #leave: (() => void) | undefined

  private constructor(hub: Hub, ports: QuestionPorts, listener: string) {
    this.#listener = listener
    this.#hub = hub
    this.#ports = ports
  }

  /** `listener`: the node; who opens under the same name takes the place of the one before. */
  static async open(hub: Hub, ports: QuestionPorts, listener: string = randomUUID()): Promise<Questions> {
    const questions = new Questions(hub, ports, listener)
    questions.#leave = hub.subscribe(event => questions.#hear(event))
    try {
      await questions.#listen(true)
    } catch (thrown) {
      // A hub that is away for now says when it is back.
      if (!(thrown instanceof LoomError && thrown.code === 'HUB_DOWN')) {
        questions.stop()
        throw thrown
      }
    }
    return questions
  }

  /** asked and not answered yet */
  get size(): number {
    return this.#open.size
  }

  /** The first answer counts. PROV_INVALID; NOT_FOUND if the time is over or somebody else was first. */
  async answer(id: string, verdict: Parameters<Hub['provisioning']['answer']>[0]['verdict']): Promise<void> {
    try {
      await this.#hub.provisioning.answer({ id, verdict })
    } catch (thrown) {
      if (thrown instanceof LoomError && thrown.code === 'NOT_FOUND') this.#end(id)
      throw thrown
    }
    this.#end(id)
  }

  /** No more questions come; to the hub it still listens. */
  stop(): void {
    this.#leave?.()
    this.#leave = undefined
  }

  /** `gone`: nobody takes its place, so devices need not wait. */
  async close({ gone }: { gone: boolean }): Promise<void> {
    this.stop()
    for (const { timer } of this.#open.values()) clearTimeout(timer)
    this.#open.clear()
    const end = (): Promise<void> => this.#listen(false).catch(() => undefined) // a hub that is away has forgotten it
    if (gone) return end()
    setTimeout(end, handoverMs).unref()
  }

  #listen(on: boolean): Promise<void> {
    return this.#hub.provisioning.listen({ listener: this.#listener, instance: this.#instance, on })
  }

  #hear(event: HubEvent): void {
    if (event.type === 'provisioning-question') this.#take(event)
    else if (event.type === 'health' && (event.status === 'ok' || event.status === 'degraded'))
      this.#listen(true).catch(thrown => {
        if (this.#leave) this.#ports.failed(LoomError.from(thrown))
      })
  }

  /** The hub tells a question once for each that listens. */
  #take({ request, until }: ProvisioningQuestion): void {
    const { id } = request
    const before = this.#open.get(id)
    if (before?.until === until || !this.#ports.wanted(request)) return
    clearTimeout(before?.timer)
    const timer = setTimeout(() => this.#end(id), Math.max(0, until - Date.now())).unref()
    this.#open.set(id, { until, timer })
    this.#ports.ask({ request, until })
  }

  #end(id: string): void {
    const entry = this.#open.get(id)
    if (!entry) return
    clearTimeout(entry.timer)
    this.#open.delete(id)
    this.#ports.ended()
  }
}
