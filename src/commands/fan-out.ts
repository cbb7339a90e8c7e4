/** What became of one device of many. */
export interface DeviceOutcome {
  device: string
  ok: boolean
  /** of the failure */
  code?: string
  /** of a method: what the device answered */
  status?: number
  payload?: unknown
  /** of a message: its id and number */
  messageId?: string
  seq?: number
}

/** Outcomes of a chunk of devices, in their order; null: none yet. */
export type ChunkOutcomes = (DeviceOutcome | null)[]

export interface FanOut {
  chunks: number
  /** devices of one */
  chunk(index: number): Promise<readonly string[]>
  /** what an earlier run made of it */
  earlier(index: number): Promise<ChunkOutcomes | undefined>
  /** Does it for one device; a failure is an outcome. */
  one(device: string): Promise<DeviceOutcome>
  /** Keeps the outcomes of a chunk, when all are there or the work stops. */
  keep(index: number, outcomes: ChunkOutcomes): Promise<void>
  /** Each time one more has an outcome, over all runs. */
  counted(o: { done: number; failed: number }): void
  /** The same, now and then and at the end. */
  progress(o: { done: number; failed: number }): Promise<void>
  /** looked at before each device */
  cancelled(): boolean
  /** devices at a time */
  concurrency: number
  now: () => number
}

const progressEveryMs = 500

/**
 * One thing for many devices, a bounded number at a time: a slow device holds one place, not the others. `complete`: false if it was asked to stop; what is under way
 * then is ended and kept. What fails besides devices ends the work with that error.
 */
export async function runFanOut(o: FanOut): Promise<{ complete: boolean }> {
  let [done, failed, toldAt] = [0, 0, o.now()]
  let failure: { error: unknown } | undefined
  const underWay = new Set<Promise<void>>()
  const freeing = new Set<Promise<void>>()

  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      failure ??= { error }
    }
  }
  const count = ({ ok }: DeviceOutcome): void => {
    done++
    if (!ok) failed++
    o.counted({ done, failed })
  }
  const tell = async (): Promise<void> => {
    if (o.now() - toldAt < progressEveryMs) return
    toldAt = o.now()
    await o.progress({ done, failed })
  }
  const runChunk = async (index: number): Promise<void> => {
    const devices = await o.chunk(index)
    const outcomes: ChunkOutcomes = devices.map(() => null)
    for (const [at, outcome] of ((await o.earlier(index)) ?? []).entries()) {
      if (!outcome) continue
      outcomes[at] = outcome
      count(outcome)
    }
    const begun: Promise<void>[] = []
    for (const [at, device] of devices.entries()) {
      if (outcomes[at]) continue
      while (underWay.size >= o.concurrency) await Promise.race(underWay)
      if (failure || o.cancelled()) break
      const one = guarded(async () => {
        const outcome = await o.one(device)
        outcomes[at] = outcome
        count(outcome)
        await tell()
      }).finally(() => underWay.delete(one))
      underWay.add(one)
      begun.push(one)
    }
    if (!begun.length) return
    // The next chunk begins while the last devices of this one are under way.
    const kept = guarded(async () => {
      await Promise.all(begun)
      await o.keep(index, outcomes)
    }).finally(() => freeing.delete(kept))
    freeing.add(kept)
  }

  for (let index = 0; index < o.chunks && !failure && !o.cancelled(); index++) await runChunk(index)
  await Promise.all(freeing)
  if (failure) throw failure.error
  await o.progress({ done, failed })
  return { complete: !o.cancelled() }
}
