import type { BulkResult, BulkSecrets } from '../provisioning/bulk-port.ts'
import { reportHeader, reportLines, secretLines } from '../provisioning/bulk-report.ts'

interface Kept {
  report: string[]
  reportRows: number
  /** lines of the report that there was no room for */
  omitted: number
  secrets: string[]
  secretRows: number
  reportBytes: number
  secretBytes: number
  /** epoch ms; undefined while rows may still come */
  endedAt?: number
}

/** What imports leave in memory, and nowhere else, until it is fetched: reports, and secrets, which are given out once. */
export class ImportKeep {
  readonly #kept = new Map<string, Kept>()
  readonly #most: { reportBytes: number; secretBytes: number }
  readonly #keptMs: number

  constructor(o: { reportBytes: number; secretBytes: number; keptMs: number }) {
    this.#most = o
    this.#keptMs = o.keptMs
  }

  /** Rows of this import may come. */
  open(id: string): void {
    const kept = this.#kept.get(id)
    if (kept) delete kept.endedAt
    else this.#kept.set(id, { report: [], reportRows: 0, omitted: 0, secrets: [], secretRows: 0, reportBytes: 0, secretBytes: 0 })
  }

  end(id: string, at: number): void {
    const kept = this.#kept.get(id)
    if (kept) kept.endedAt = at
  }

  addReport(id: string, results: readonly BulkResult[]): void {
    const kept = this.#kept.get(id)
    if (!kept) return
    const lines = reportLines(results)
    this.#dropReports(lines.length)
    if (this.#sum('reportBytes') + lines.length > this.#most.reportBytes) {
      kept.omitted += results.length
      return
    }
    kept.report.push(lines)
    kept.reportRows += results.length
    kept.reportBytes += lines.length
  }

  /** Whether secrets of so many bytes may be made. */
  hasRoom(bytes: number): boolean {
    return this.#sum('secretBytes') + bytes <= this.#most.secretBytes
  }

  addSecrets(id: string, secrets: readonly BulkSecrets[]): void {
    const kept = this.#kept.get(id)
    if (!kept) return
    const lines = secretLines(secrets)
    kept.secrets.push(lines)
    kept.secretBytes += lines.length
    kept.secretRows += secrets.length
  }

  /** CSV; undefined if it was dropped. */
  report(id: string): { csv: string; omitted: number } | undefined {
    const kept = this.#kept.get(id)
    return kept && { csv: reportHeader + kept.report.join(''), omitted: kept.omitted }
  }

  /** Rows whose secrets wait to be fetched. */
  waiting(id: string): number {
    return this.#kept.get(id)?.secretRows ?? 0
  }

  /** JSON lines, each of them for the last time; undefined if there are none (left). */
  takeSecrets(id: string): { lines: string; rows: number } | undefined {
    const kept = this.#kept.get(id)
    if (!kept || kept.secretRows === 0) return undefined
    const taken = { lines: kept.secrets.join(''), rows: kept.secretRows }
    kept.secrets = []
    kept.secretRows = kept.secretBytes = 0
    return taken
  }

  /** Forgets what belongs to imports that ended too long ago. */
  expire(now: number): void {
    for (const [id, { endedAt }] of this.#kept) if (endedAt !== undefined && endedAt + this.#keptMs <= now) this.#kept.delete(id)
  }

  clear(): void {
    this.#kept.clear()
  }

  /** Reports of imports that ended make room, the oldest first; secrets never do. */
  #dropReports(bytes: number): void {
    for (const kept of this.#kept.values()) {
      if (this.#sum('reportBytes') + bytes <= this.#most.reportBytes) return
      if (kept.endedAt === undefined || !kept.reportBytes) continue
      kept.omitted += kept.reportRows
      kept.report = []
      kept.reportRows = kept.reportBytes = 0
    }
  }

  #sum(what: 'reportBytes' | 'secretBytes'): number {
    let sum = 0
    for (const kept of this.#kept.values()) sum += kept[what]
    return sum
  }
}
