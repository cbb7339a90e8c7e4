const crowdWaitMs = 8
/** Fewer records share too little to wait for. */
const crowdRecords = 8
/** As many share the fixed cost of a commit well enough. */
const plentyRecords = 256
const probeEveryMs = 1000
const probePerMs = 1
const mostTrust = 4

/**
 * A commit costs the same for one record as for fifty, so where a crowd sends on its own schedule it pays to let 8 ms of records come together. Where senders
 * wait for their acknowledgement before they send more, it only slows them. Which of the two it is shows in the wait itself: do records still come in its
 * second half? So at 1,000 records a second one commit a second is tried with a wait, and as long as that pays the others wait too.
 */
export class CrowdWait {
  #trust = 0
  #countedFrom = Number.NEGATIVE_INFINITY
  #counted = 0
  #waitedFrom = Number.NEGATIVE_INFINITY

  /** Of each commit: its records, when the last of them was added, when it ended (ms, monotonic). Returns how long the next one should wait. */
  after({ records, lastAdded, ended }: { records: number; lastAdded: number; ended: number }): number {
    const before = this.#waitedFrom
    this.#waitedFrom = ended
    if (this.#trust > 0) {
      const paid = lastAdded > before + crowdWaitMs / 2 && records >= crowdRecords && records < plentyRecords
      this.#trust = paid ? Math.min(this.#trust + 1, mostTrust) : this.#trust - 1
    }
    this.#counted += records
    const countedMs = ended - this.#countedFrom
    if (countedMs >= probeEveryMs) {
      if (this.#trust === 0 && this.#counted >= countedMs * probePerMs) this.#trust = 1
      this.#countedFrom = ended
      this.#counted = 0
    }
    return this.#trust > 0 ? crowdWaitMs : 0
  }
}
