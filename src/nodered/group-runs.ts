import type { DeviceOutcome } from '../commands/fan-out.ts'
import { type ErrorCode, type ErrorData, errorData, errorOf, LoomError } from '../errors.ts'
import type { CommandsEvent, Hub } from '../hub/hub.ts'
import type { Emit, NewMsg } from './define.ts'
import type { Status } from './status.ts'

type Operation = Awaited<ReturnType<Hub['commands']['operation']>>

/** How far a command to many devices is. */
type Counts = Pick<CommandsEvent, 'id' | 'state' | 'total' | 'done' | 'failed'>

/** What became of it. `more`: there are outcomes besides, which the hub keeps for a week. */
export interface GroupEnd {
  operation: Counts & { more?: true }
  outcomes: DeviceOutcome[]
}

export interface GroupRunsOptions {
  hub: Pick<Hub, 'commands' | 'subscribe'>
  kind: 'commands.method' | 'commands.message'
  /** whose commands these are */
  by: string
  status: Status
  /** progress, on output 2, and messages of `goOn` */
  emit: Emit
  failed(error: Error): void
}

interface Run {
  told: string
  done: number
  ended: PromiseWithResolvers<void>
}

const pageSize = 100
const mostOutcomes = 1000
const mostAnswersBytes = 8 * 2 ** 20

/** Commands to groups and queries that a node gave the hub, followed by its events until they end. */
export class GroupRuns {
  readonly #options: GroupRunsOptions
  readonly #open = new Map<string, Run>()
  readonly #leave: () => void
  #closed = false

  constructor(options: GroupRunsOptions) {
    this.#options = options
    this.#leave = options.hub.subscribe(event => {
      if (event.type === 'commands') this.#step(event)
      // A hub that was away told nothing meanwhile
      else if (event.type === 'health' && event.status !== 'stopped') for (const id of this.#open.keys()) void this.#look(id)
    })
  }

  /** Resolves with its end. NODE_CLOSED if the node ends before; the hub goes on. Else as `commands.start`, or the error that ended it. */
  async run(order: Omit<Parameters<Hub['commands']['start']>[0], 'by'>): Promise<GroupEnd> {
    const { hub, by } = this.#options
    const { id } = await hub.commands.start({ ...order, by })
    return this.#follow(id)
  }

  /**
   * Takes up those that the node began before it was started anew, and that go on; `made`: the message of one, at its end. To be awaited before the node begins
   * others.
   */
  async goOn(made: (ended: Promise<GroupEnd>, operation: Operation) => Promise<NewMsg>): Promise<void> {
    const { hub, by, kind, emit } = this.#options
    const failed = (thrown: unknown): void => {
      if (!this.#closed) this.#options.failed(LoomError.from(thrown))
    }
    try {
      const { items } = await hub.commands.operations({ limit: 100 })
      for (const one of items)
        if (one.by === by && one.kind === kind && !this.#isOver(one.state))
          made(this.#follow(one.id), one).then(emit).catch(failed)
    } catch (thrown) {
      failed(thrown)
    }
  }

  async #follow(id: string): Promise<GroupEnd> {
    if (this.#closed) throw new LoomError('NODE_CLOSED')
    const run: Run = { told: '', done: 0, ended: Promise.withResolvers() }
    this.#open.set(id, run)
    try {
      await Promise.all([this.#look(id), run.ended.promise])
      return await this.#endOf(id)
    } catch (thrown) {
      this.#options.status('warn', LoomError.from(thrown).message)
      throw thrown
    }
  }

  async #endOf(id: string): Promise<GroupEnd> {
    const { commands } = this.#options.hub
    const { state, total = 0, done, failed, error } = await commands.operation({ id })
    if (state === 'failed' && error) throw errorOf(error)
    const { outcomes, more } = await this.#outcomesOf(id)
    return { operation: { id, state, total, done, failed, ...(more && { more }) }, outcomes }
  }

  /** What it follows fails. */
  close(): void {
    this.#closed = true
    this.#leave()
    for (const { ended } of this.#open.values()) ended.reject(new LoomError('NODE_CLOSED'))
    this.#open.clear()
  }

  /** Messages that were interrupted the hub takes up by itself. */
  #isOver(state: CommandsEvent['state']): boolean {
    return state !== 'running' && !(state === 'interrupted' && this.#options.kind === 'commands.message')
  }

  async #look(id: string): Promise<void> {
    try {
      const { total = 0, updatedAt: at, ...rest } = await this.#options.hub.commands.operation({ id })
      this.#step({ ...rest, total, at })
    } catch (thrown) {
      // A hub that is down tells its health when it is back
      if (thrown instanceof LoomError && (thrown.code === 'HUB_DOWN' || thrown.code === 'HUB_TIMEOUT')) return
      this.#open.get(id)?.ended.reject(thrown)
      this.#open.delete(id)
    }
  }

  #step({ id, state, total, done, failed, at: time }: Counts & { at: number }): void {
    const run = this.#open.get(id)
    if (!run) return
    const over = this.#isOver(state)
    // Counts on disk are behind those of events
    if (!over && done < run.done) return
    const text = `${state} ${done} ${failed}`
    if (run.told !== text) {
      this.#options.status('busy', `${done} / ${total}`)
      this.#options.emit([undefined, { payload: { id, state, total, done, failed }, topic: 'progress', time }])
    }
    run.told = text
    run.done = done
    if (!over) return
    this.#open.delete(id)
    run.ended.resolve()
  }

  /** The first of them: what fits into a message. */
  async #outcomesOf(id: string): Promise<{ outcomes: DeviceOutcome[]; more?: true }> {
    const outcomes: DeviceOutcome[] = []
    let cursor: string | undefined
    let bytes = 0
    do {
      const asked = { id, limit: pageSize, ...(cursor !== undefined && { cursor }) }
      const { items, next } = await this.#options.hub.commands.results(asked)
      for (const outcome of items) {
        bytes += JSON.stringify(outcome.payload)?.length ?? 0
        if (bytes > mostAnswersBytes || outcomes.length === mostOutcomes) return { outcomes, more: true }
        outcomes.push(outcome)
      }
      cursor = next
    } while (cursor !== undefined)
    return { outcomes }
  }
}

/** The error of a device whose command failed, as of one that was commanded alone. */
export const outcomeError = ({ device, code = 'NODE_FAULT' }: DeviceOutcome): ErrorData =>
  errorData(new LoomError(code as ErrorCode, device))
