import { type ErrorData, errorData, LoomError } from '../errors.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'

export type OperationState = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted'

/** Long work as it may be asked about. */
export interface OperationView {
  id: string
  /** `devices.import`, .. */
  kind: string
  state: OperationState
  /** what was asked for, for people: no secret */
  detail: Record<string, unknown>
  total?: number
  done: number
  failed: number
  by: string
  /** epoch ms */
  startedAt: number
  updatedAt: number
  endedAt?: number
  error?: ErrorData
  /** it can go on where it stopped */
  resumable: boolean
}

/** The side of who does the work. */
export interface RunningOperation {
  readonly id: string
  /** what an earlier run had done */
  readonly from: number
  /** to be looked at often: a person said stop, or the hub is closing */
  cancelled(): boolean
  /** `done`: from the beginning; `failed`: in this run */
  progress(o: { done: number; failed: number; total?: number }): Promise<void>
  /** A write for the transaction that does the work: `done` is then exact after a crash. */
  checkpoint(done: number): Write[]
}

export interface StartOperation {
  kind: string
  detail?: Record<string, unknown>
  total?: number
  by: string
  /** it may be taken up again after a stop or crash, by `resume` */
  resumable?: boolean
}

/** `complete`: false if it stopped because it was asked to. */
export type Work = (operation: RunningOperation) => Promise<{ complete: boolean } | undefined>

export interface Operations {
  /** Starts the work and returns at once. PROV_THROTTLED while too many run. */
  start(o: StartOperation, work: Work): Promise<OperationView>
  /** NOT_FOUND, OPERATION_STATE, PROV_THROTTLED. */
  resume(id: string, work: Work): Promise<OperationView>
  get(id: string): Promise<OperationView | undefined>
  /** Newest first. */
  list(o?: { limit?: number; cursor?: string }): Promise<{ items: OperationView[]; next?: string }>
  /** Asks it to stop; what is done stays done. NOT_FOUND, OPERATION_STATE. */
  cancel(id: string): Promise<void>
  /** Resolves when the work has ended, whichever way. */
  ended(id: string): Promise<void>
  /** Removes what ended a week ago. */
  sweep(now: number): Promise<number>
  /** Stops all; they are `interrupted` and can be resumed in the next run. */
  close(): Promise<void>
}

interface OperationDoc extends Omit<OperationView, 'id' | 'resumable'> {
  resumable: boolean
}

interface Running {
  doc: OperationDoc
  stop?: 'cancelled' | 'interrupted'
  end: Promise<void>
}

const coll = 'operations'
const keptMs = 7 * 24 * 3_600_000

/** Over one store, of which it must be the only writer of its collection; what an earlier run left running is `interrupted`. */
export async function openOperations(o: {
  store: StateStore
  now: () => number
  random: (size: number) => Buffer
  /** at a time, default 4 */
  mostRunning?: number
}): Promise<Operations> {
  const { store, now, random, mostRunning = 4 } = o
  await store.declare(coll, { indexes: ['state', 'endedAt'] })
  await interruptLeftovers(store, now())
  const running = new Map<string, Running>()
  let closed = false

  const put = (id: string, doc: OperationDoc): Promise<number> => store.put(coll, id, doc, { by: doc.by })
  const found = async (id: string): Promise<Stored<OperationDoc>> => {
    const stored = typeof id === 'string' && id ? await store.get<OperationDoc>(coll, id) : null
    if (!stored) throw new LoomError('NOT_FOUND', `operation ${JSON.stringify(String(id).slice(0, 80))}`)
    return stored
  }
  const makeRoom = (): void => {
    if (closed) throw new LoomError('OPERATION_STATE', 'the hub is closing')
    if (running.size >= mostRunning)
      throw new LoomError('PROV_THROTTLED', `${running.size} operations are running`, { hint: 'wait for one to end' })
  }

  const run = async (id: string, entry: Running, work: Work): Promise<void> => {
    const { done: from, failed: failedBefore } = entry.doc
    const change = (more: Partial<OperationDoc>) => (entry.doc = { ...entry.doc, ...more, updatedAt: now() })
    const end = (state: OperationState, error?: unknown) =>
      put(id, change({ state, endedAt: now(), ...(error !== undefined && { error: errorData(error) }) }))
    const operation: RunningOperation = {
      id,
      from,
      cancelled: () => entry.stop !== undefined,
      async progress({ done, failed, total }) {
        await put(id, change({ done, failed: failedBefore + failed, ...(total !== undefined && { total }) }))
      },
      // not remembered here: the transaction may fail
      checkpoint: done => [{ op: 'put', coll, id, doc: { ...entry.doc, done, updatedAt: now() } }],
    }
    try {
      const outcome = await work(operation)
      await end(outcome?.complete === false ? (entry.stop ?? 'cancelled') : 'done')
    } catch (error) {
      // a store that is closed cannot be told; the next run finds the operation running and calls it interrupted
      await end(entry.stop ?? 'failed', error).catch(() => undefined)
    } finally {
      running.delete(id)
    }
  }
  const launch = async (id: string, doc: OperationDoc, work: Work): Promise<OperationView> => {
    const started = Promise.withResolvers<void>()
    const entry: Running = { doc, end: started.promise }
    running.set(id, entry)
    try {
      await put(id, doc)
    } catch (error) {
      running.delete(id)
      started.resolve()
      throw error
    }
    const view = { id, ...doc }
    void run(id, entry, work).then(started.resolve)
    return view
  }

  return {
    async start({ kind, detail = {}, total, by, resumable = false }, work) {
      makeRoom()
      const id = `op-${now().toString(36).padStart(9, '0')}-${random(6).toString('hex')}`
      const times = { startedAt: now(), updatedAt: now() }
      const doc: OperationDoc = {
        kind,
        state: 'running',
        detail,
        ...(total !== undefined && { total }),
        done: 0,
        failed: 0,
        by,
        ...times,
        resumable,
      }
      return launch(id, doc, work)
    },
    async resume(id, work) {
      makeRoom()
      const { doc } = await found(id)
      if (running.has(id) || !doc.resumable || doc.state === 'done' || doc.state === 'running')
        throw new LoomError('OPERATION_STATE', `operation "${id}" is ${doc.state}`, { hint: 'only what stopped early can go on' })
      const { endedAt: _e, error: _r, ...rest } = doc
      return launch(id, { ...rest, state: 'running', updatedAt: now() }, work)
    },
    async get(id) {
      const stored = typeof id === 'string' && id ? await store.get<OperationDoc>(coll, id) : null
      return stored ? { id, ...stored.doc } : undefined
    },
    async list({ limit = 100, cursor } = {}) {
      const page = await store.query<OperationDoc>(coll, {
        order: { by: 'id', desc: true },
        limit: Math.min(limit, 1000),
        ...(cursor !== undefined && { cursor }),
      })
      return { items: page.items.map(({ id, doc }) => ({ id, ...doc })), ...(page.next !== undefined && { next: page.next }) }
    },
    async cancel(id) {
      const entry = running.get(id)
      if (!entry) {
        const { doc } = await found(id)
        throw new LoomError('OPERATION_STATE', `operation "${id}" is ${doc.state}`)
      }
      entry.stop ??= 'cancelled'
    },
    ended: id => running.get(id)?.end ?? Promise.resolve(),
    async sweep(at) {
      let removed = 0
      for (;;) {
        const { items } = await store.query<OperationDoc>(coll, { where: [['endedAt', '<=', at - keptMs]], limit: 500 })
        if (items.length === 0) return removed
        await store.tx(
          items.map(({ id }): Write => ({ op: 'delete', coll, id })),
          { by: 'sweep' },
        )
        removed += items.length
      }
    },
    async close() {
      closed = true
      const all = [...running.values()]
      for (const entry of all) entry.stop ??= 'interrupted'
      await Promise.all(all.map(({ end }) => end))
    },
  }
}

async function interruptLeftovers(store: StateStore, at: number): Promise<void> {
  for (;;) {
    const { items } = await store.query<OperationDoc>(coll, { where: [['state', '=', 'running']], limit: 500 })
    if (items.length === 0) return
    await store.tx(
      items.map(({ id, doc }): Write => ({ op: 'put', coll, id, doc: { ...doc, state: 'interrupted', endedAt: at } })),
      { by: 'start' },
    )
  }
}
