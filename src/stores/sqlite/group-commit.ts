import type { DatabaseSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'

export interface GroupCommitParts<J, R> {
  db: DatabaseSync
  /** Jobs a transaction takes at most by `size`; a larger single job still goes alone. */
  limit: number
  size(job: J): number
  /** Runs inside the transaction. A LoomError fails this job alone, its statements taken back; anything else fails the whole group. */
  apply(job: J): R
  /** After the last job, still inside. */
  finish?(): void
  /** After the commit, before the jobs' promises resolve. */
  committed?(jobs: readonly J[]): void
  /** What `apply` left in memory since the start of the failed job, or of the group, must be forgotten. */
  undone(scope: 'job' | 'group'): void
  errorOf(error: unknown): Error
}

interface Pending<J, R> {
  job: J
  resolve(result: R): void
  reject(error: Error): void
}

/** Writes of one loop turn share one transaction, so one sync of the disk; their promises resolve in order after its commit. */
export class GroupCommit<J, R> {
  readonly #parts: GroupCommitParts<J, R>
  #queue: Pending<J, R>[] = []
  #scheduled = false

  constructor(parts: GroupCommitParts<J, R>) {
    this.#parts = parts
  }

  add(job: J): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, resolve, reject })
      this.#schedule()
    })
  }

  /** Commits all that waits, now. */
  drain(): void {
    while (this.#queue.length) this.#commit()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (!this.#queue.length) return
      this.#commit()
      if (this.#queue.length) this.#schedule()
    })
  }

  #commit(): void {
    const { db, finish, committed, undone, errorOf } = this.#parts
    const group = this.#take()
    const done: { pending: Pending<J, R>; result: R }[] = []
    const failed: { pending: Pending<J, R>; error: Error }[] = []
    try {
      db.exec('BEGIN IMMEDIATE')
      for (const pending of group) {
        try {
          done.push({ pending, result: this.#applyAlone(pending.job) })
        } catch (error) {
          if (!(error instanceof LoomError)) throw error
          failed.push({ pending, error })
        }
      }
      finish?.()
      db.exec('COMMIT')
    } catch (thrown) {
      rollback(db)
      undone('group')
      const error = errorOf(thrown)
      for (const { reject } of group) reject(error)
      return
    }
    committed?.(done.map(d => d.pending.job))
    for (const { pending, error } of failed) pending.reject(error)
    for (const { pending, result } of done) pending.resolve(result)
  }

  #applyAlone(job: J): R {
    const { db, apply, undone } = this.#parts
    db.exec('SAVEPOINT job')
    try {
      const result = apply(job)
      db.exec('RELEASE job')
      return result
    } catch (error) {
      if (error instanceof LoomError) {
        db.exec('ROLLBACK TO job; RELEASE job')
        undone('job')
      }
      throw error
    }
  }

  #take(): Pending<J, R>[] {
    const { limit, size } = this.#parts
    let total = size(this.#queue[0]!.job)
    let n = 1
    while (n < this.#queue.length && (total += size(this.#queue[n]!.job)) <= limit) n++
    return this.#queue.splice(0, n)
  }
}

/** A full disk or a failed commit may have ended the transaction already. */
export function rollback(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK')
  } catch {}
}
