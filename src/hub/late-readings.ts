import type { WarmRow, WarmStore } from '../storage/warm-store.ts'
import type { TelemetryFate } from './decommission.ts'

/**
 * Keeps away readings that come late: of messages that were in the journal, or with a flow, when their device was retired. While a device is retired its last
 * values do not come back, and of one that was erased nothing is stored; after it was deleted that holds for what the journal had by then, so that nothing of it
 * gets to a device that is registered under its id.
 */
export class LateReadings {
  readonly #warm: Pick<WarmStore, 'append' | 'forgetLatest'>
  readonly #retired = new Map<string, TelemetryFate>()
  /** of erased devices: journal positions up to which a reading is the erased one's */
  readonly #before = new Map<string, number>()

  constructor(warm: Pick<WarmStore, 'append' | 'forgetLatest'>) {
    this.#warm = warm
  }

  retired(device: string, telemetry: TelemetryFate): void {
    this.#retired.set(device, telemetry)
  }

  /** Its id may be another's from now on; of an erased one `before`. */
  deleted(device: string, before: number | undefined): void {
    this.#retired.delete(device)
    if (before !== undefined) this.#before.set(device, before)
  }

  /** Devices of which the journal has nothing left. */
  outlived({ oldestSeq, headSeq }: { oldestSeq: number; headSeq: number }): string[] {
    // A journal that began anew counts from 1 again: what was before is not in it.
    return [...this.#before].flatMap(([device, seq]) => (seq < oldestSeq || seq > headSeq ? [device] : []))
  }

  forget(device: string): void {
    this.#before.delete(device)
  }

  /** As the warm store's. Readings that are kept away count as duplicates. */
  append: WarmStore['append'] = async (rows, o) => {
    const wanted = this.#retired.size || this.#before.size ? rows.filter(row => this.#isWanted(row)) : rows
    const { stored, duplicates } = await this.#warm.append(wanted, o)
    const silent = this.#retired.size ? new Set(wanted.map(({ device }) => device).filter(id => this.#retired.has(id))) : []
    const devices = [...silent]
    if (devices.length) await this.#warm.forgetLatest({ devices })
    return { stored, duplicates: duplicates + rows.length - wanted.length }
  }

  #isWanted({ device, jseq }: WarmRow): boolean {
    if (this.#retired.get(device) === 'erase') return false
    const before = this.#before.get(device)
    return before === undefined || jseq === undefined || jseq > before
  }
}
