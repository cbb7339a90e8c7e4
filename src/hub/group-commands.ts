import { type ChunkOutcomes, type DeviceOutcome, runFanOut } from '../commands/fan-out.ts'
import { checkMessage, type NewInboxMessage } from '../commands/message.ts'
import { checkMethod } from '../commands/method-calls.ts'
import { errorData, LoomError } from '../errors.ts'
import type { Operations, OperationView, RunningOperation, Work } from '../provisioning/bulk-operations.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { Deed } from './audit-trail.ts'
import { createCommandNews } from './command-news.ts'
import type { CommandsEvent, CommandTargets, DeviceCommandsApi, GroupCommandsApi } from './hub-commands.ts'

const runsColl = 'command_runs'
const targetsColl = 'command_targets'
const outcomesColl = 'command_outcomes'
const chunkSize = 100
const mostDevices = 1_000_000
const keptMs = 8 * 86_400_000
const kinds = { method: 'commands.method', message: 'commands.message' } as const

type Method = NonNullable<Parameters<GroupCommandsApi['start']>[0]['method']>

/** What is done to each device of a run. Gone with it, a week after its end. */
interface Run {
  at: number
  by: string
  concurrency: number
  chunks: number
  method?: Method
  /** the body as base64 */
  message?: Omit<NewInboxMessage, 'body'> & { id: string; body: string }
}

export interface GroupCommandsParts {
  state: StateStore
  operations: Operations
  commands: Pick<DeviceCommandsApi, 'call' | 'send'>
  /** Ids of devices by pages, each at least once. */
  targets(o: CommandTargets): AsyncIterable<readonly string[]>
  note(deed: Deed): void
  emit(event: CommandsEvent): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
  random: (size: number) => Buffer
}

/** Methods and messages for many devices: whom they are for is on disk before the first is called. */
export async function openGroupCommands(parts: GroupCommandsParts) {
  const { state, operations, commands, now } = parts
  const news = createCommandNews(parts)
  await state.declare(runsColl, { indexes: ['at'] })
  await state.declare(targetsColl, {})
  await state.declare(outcomesColl, {})

  const chunkId = (run: string, index: number): string => `${run}|${String(index).padStart(6, '0')}`
  const outcomesOf = async (run: string, index: number): Promise<ChunkOutcomes | undefined> =>
    (await state.get<{ outcomes: ChunkOutcomes }>(outcomesColl, chunkId(run, index)))?.doc.outcomes

  const isOurs = ({ kind }: OperationView): boolean => kind === kinds.method || kind === kinds.message
  const found = async (id: string): Promise<{ operation: OperationView; run: string }> => {
    const operation = await operations.get(id)
    if (!operation || !isOurs(operation)) throw new LoomError('NOT_FOUND', `operation ${JSON.stringify(String(id).slice(0, 80))}`)
    return { operation, run: operation.detail.run as string }
  }

  const keepTargets = async (run: string, o: CommandTargets): Promise<{ devices: number; chunks: number }> => {
    const ids = new Set<string>()
    for await (const page of parts.targets(o)) {
      for (const id of page) ids.add(id)
      if (ids.size > mostDevices) throw invalid(`more than ${mostDevices} devices`)
    }
    if (!ids.size) throw invalid('no device', 'the list, group or query is empty')
    const all = [...ids]
    let chunks = 0
    for (let from = 0; from < all.length; from += chunkSize, chunks++)
      await state.put(targetsColl, chunkId(run, chunks), { ids: all.slice(from, from + chunkSize) })
    return { devices: all.length, chunks }
  }

  const doer = ({ method, message, by }: Run): ((device: string) => Promise<DeviceOutcome>) => {
    if (method) {
      const { name, ...rest } = method
      return async device => ({ device, ok: true, ...(await commands.call({ id: device, method: name, ...rest, by })) })
    }
    const { body, ...rest } = message!
    const whole = { ...rest, body: Buffer.from(body, 'base64') }
    return async device => {
      try {
        const { id, seq } = await commands.send({ id: device, message: whole, by })
        return { device, ok: true, messageId: id, seq }
      } catch (error) {
        // Sent before a crash, and not on record as such.
        if (error instanceof LoomError && error.code === 'COMMAND_EXISTS') return { device, ok: true, messageId: rest.id }
        throw error
      }
    }
  }

  const workOf =
    (run: string, spec: Run): Work =>
    async (operation: RunningOperation) => {
      const begun = await operations.get(operation.id)
      const failedBefore = begun?.failed ?? 0
      const doIt = doer(spec)
      return runFanOut({
        chunks: spec.chunks,
        concurrency: spec.concurrency,
        chunk: async index => (await state.get<{ ids: string[] }>(targetsColl, chunkId(run, index)))?.doc.ids ?? [],
        earlier: index => outcomesOf(run, index),
        one: device => doIt(device).catch(error => ({ device, ok: false, code: errorData(error).code })),
        keep: async (index, outcomes) => void (await state.put(outcomesColl, chunkId(run, index), { outcomes })),
        counted: counts => void (begun && news.counted({ ...begun, ...counts })),
        // The operation counts failures by run, and some of the last one's may be tried again.
        progress: ({ done, failed }) => operation.progress({ done, failed: failed - failedBefore }),
        cancelled: () => operation.cancelled(),
        now,
      })
    }

  const erase = async (run: string): Promise<void> => {
    for (const coll of [targetsColl, outcomesColl])
      for (;;) {
        const { items } = await state.query(coll, { where: [['id', 'prefix', `${run}|`]], limit: 500 })
        if (!items.length) break
        await state.tx(items.map(({ id }): Write => ({ op: 'delete', coll, id })))
      }
    await state.delete(runsColl, run)
  }
  const watched = (operation: OperationView): OperationView => {
    const tell = async (): Promise<void> => {
      await operations.ended(operation.id)
      const view = await operations.get(operation.id)
      if (view) news.ended(view)
    }
    // The store of a hub that closes may be closed before it is asked.
    tell().catch(() => undefined)
    return operation
  }
  const resume = async (id: string): Promise<OperationView> => {
    const { run } = await found(id)
    const spec = await state.get<Run>(runsColl, run)
    if (!spec) throw new LoomError('OPERATION_STATE', `"${id}"`, { hint: 'what it was about is not kept any more' })
    return watched(await operations.resume(id, workOf(run, spec.doc)))
  }

  const api: GroupCommandsApi = {
    async start({ devices, group, query, method, message, concurrency = 16, by = 'hub' }) {
      if ([devices, group, query].filter(one => one !== undefined).length !== 1)
        throw invalid('the targets', 'give devices, a group or a query')
      if ((method === undefined) === (message === undefined)) throw invalid('the command', 'give a method or a message')
      if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 256)
        throw invalid(`concurrency ${String(concurrency).slice(0, 20)}`, '1 to 256')
      if (method) checkMethod(method)
      if (message) checkMessage(message)
      const at = now()
      const run = `${at.toString(36).padStart(9, '0')}-${parts.random(8).toString('hex')}`
      try {
        const targets = { ...(devices && { devices }), ...(group !== undefined && { group }), ...(query && { query }) }
        const { devices: total, chunks } = await keepTargets(run, targets)
        const spec: Run = {
          ...{ at, by, concurrency, chunks },
          ...(method && { method }),
          ...(message && {
            message: { ...message, id: message.id ?? run, body: Buffer.from(message.body).toString('base64') },
          }),
        }
        await state.put(runsColl, run, spec)
        const detail = {
          run,
          ...(method && { method: method.name }),
          ...(devices ? { devices: devices.length } : { ...targets }),
        }
        const kind = method ? kinds.method : kinds.message
        const operation = watched(await operations.start({ kind, detail, total, by, resumable: true }, workOf(run, spec)))
        parts.note({ by, action: kind, target: operation.id, detail })
        return operation
      } catch (error) {
        await erase(run)
        throw error
      }
    },

    async operations(o) {
      const { items, next } = await operations.list(o)
      return { items: items.filter(isOurs), ...(next !== undefined && { next }) }
    },
    operation: async ({ id }) => (await found(id)).operation,

    async results({ id, failed = false, limit = 100, cursor }) {
      const { operation, run } = await found(id)
      const total = operation.total ?? 0
      const [, from] = /^(\d{1,7})$/.exec(cursor ?? '0') ?? []
      if (from === undefined) throw new LoomError('REQUEST_INVALID', 'cursor')
      const items: DeviceOutcome[] = []
      for (let at = Number(from); at < total; ) {
        const outcomes = (await outcomesOf(run, Math.floor(at / chunkSize))) ?? []
        const end = Math.min(total, (Math.floor(at / chunkSize) + 1) * chunkSize)
        for (; at < end; at++) {
          const outcome = outcomes[at % chunkSize]
          if (!outcome || (failed && outcome.ok)) continue
          if (items.length === limit) return { items, next: String(at) }
          items.push(outcome)
        }
      }
      return { items }
    },

    async cancel({ id, by = 'hub' }) {
      await found(id)
      await operations.cancel(id)
      parts.note({ by, action: 'commands.cancel', target: id })
    },

    async resume({ id, by = 'hub' }) {
      const operation = await resume(id)
      parts.note({ by, action: 'commands.resume', target: id })
      return operation
    },
  }

  return {
    api,
    /** Messages that a crash or stop interrupted go on; due once the hub is open. */
    async resumeMessages(): Promise<void> {
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page = await operations.list({ limit: 500, ...(cursor !== undefined && { cursor }) })
        for (const { id, kind, state: now } of page.items) if (kind === kinds.message && now === 'interrupted') await resume(id)
        cursor = page.next
      }
    },
    /** Forgets runs when their operations are forgotten. */
    async sweep(): Promise<void> {
      for (;;) {
        const { items } = await state.query<Run>(runsColl, { where: [['at', '<', now() - keptMs]], limit: 100 })
        if (!items.length) return
        for (const { id } of items) await erase(id)
      }
    },
  }
}

const invalid = (what: string, hint?: string): LoomError =>
  new LoomError('COMMAND_INVALID', what, hint === undefined ? {} : { hint })
