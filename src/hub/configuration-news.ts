import type { ConfigurationMetrics, ConfigurationTally } from '../twin/configuration/tally.ts'
import type { ConfigurationEvent } from './hub-configurations.ts'

export interface ConfigurationNewsParts {
  tally: Pick<ConfigurationTally, 'metrics' | 'ids'>
  /** Resolves when every device counts as it stands. */
  looked(): Promise<void>
  emit(event: ConfigurationEvent): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
  watch(work: Promise<void>): void
}

const tellWithinMs = 250

/** Tells live how far configurations are, of each what differs from what was told last. */
export function createConfigurationNews({ tally, looked, emit, schedule, now, watch }: ConfigurationNewsParts) {
  const told = new Map<string, string>()
  let cancel: (() => void) | undefined
  let closed = false

  const tellOf = (id: string, metrics: ConfigurationMetrics): void => {
    const text = JSON.stringify(metrics)
    if (told.get(id) === text) return
    if (metrics.targeted) told.set(id, text)
    else told.delete(id)
    emit({ type: 'configuration', at: now(), id, metrics })
  }
  const tell = async (): Promise<void> => {
    cancel = undefined
    await looked()
    if (!closed) for (const id of new Set([...told.keys(), ...tally.ids()])) tellOf(id, tally.metrics(id))
  }
  return {
    /** Devices may stand otherwise. */
    note(): void {
      if (!closed) cancel ??= schedule(tellWithinMs, () => watch(tell()))
    },
    close(): void {
      closed = true
      cancel?.()
    },
  }
}
