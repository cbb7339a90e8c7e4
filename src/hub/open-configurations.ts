import type { StateStore } from '../storage/state-store.ts'
import type { FleetDoc } from '../topology/fleet-doc.ts'
import { Rollout } from '../twin/configuration/rollout.ts'
import type { AuditTrail } from './audit-trail.ts'
import { createConfigurationNews } from './configuration-news.ts'
import { ConfigurationWork } from './configuration-work.ts'
import { createConfigurationWriter } from './configuration-writer.ts'
import { openConfigurationsApi } from './configurations-api.ts'
import type { HubEvent } from './hub.ts'
import type { JournalOutbox } from './journal-outbox.ts'
import type { Fleet } from './open-fleet.ts'
import type { HubLimits } from './options.ts'
import type { Problems } from './problems.ts'
import type { Twins } from './twins.ts'

export interface ConfigurationsHouse {
  state: StateStore
  fleet: Pick<Fleet, 'ready' | 'refuseDynamic' | 'index'> & { feed: Pick<Fleet['feed'], 'settled'> }
  twins: Pick<Twins, 'get' | 'update'>
  outbox: Pick<JournalOutbox, 'write' | 'drain'>
  trail: Pick<AuditTrail, 'write'>
  problems: Problems
  limits: Pick<HubLimits, 'configurationWrites' | 'configurationWritesPerSecond'>
  emit(event: HubEvent): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
}

const tellWithinMs = 250

export type Configurations = Awaited<ReturnType<typeof openConfigurations>>

/** Fleet configurations at work: behind the start of the hub and the fleet index, from where the last run ended. */
export async function openConfigurations(house: ConfigurationsHouse) {
  const { state, fleet, twins, outbox, problems, limits, emit, schedule, now } = house
  const { index } = fleet
  const rollout = new Rollout<FleetDoc>()
  const failed = (error: unknown): void => problems.watch('fleet configurations', Promise.reject(error))
  // A roll-out writes thousands of twins: looking for events after each would cost more than they do
  let cancelTelling: (() => void) | undefined
  const tell = (): void => {
    cancelTelling = undefined
    problems.watch('events of configurations', outbox.drain())
  }
  const writer = createConfigurationWriter({ state, twins, outbox, rollout, now })
  await writer.load()
  const work = new ConfigurationWork({
    index,
    settled: () => fleet.feed.settled(),
    rollout,
    writer,
    twins,
    atOnce: limits.configurationWrites,
    perSecond: limits.configurationWritesPerSecond,
    schedule,
    turn: () => new Promise(setImmediate),
    now,
    written() {
      problems.clear('fleet configurations')
      cancelTelling ??= schedule(tellWithinMs, tell)
    },
    stood: () => news.note(),
    failed,
  })
  const news = createConfigurationNews({
    ...{ tally: rollout.tally, emit, schedule, now },
    looked: () => ready().then(() => work.looked()),
    watch: told => problems.watch('counts of configurations', told),
  })
  let started: Promise<void> | undefined
  /** A start that failed is tried again by who asks next. */
  const ready = (): Promise<void> => {
    started ??= fleet
      .ready()
      .then(() => work.start())
      .catch(error => {
        started = undefined
        throw error
      })
    return started
  }
  const api = await openConfigurationsApi({
    ...{ state, trail: house.trail, index, rollout, ready, now },
    refuseDynamic: group => fleet.refuseDynamic(group),
    changed: () => work.noteAll(),
    looked: () => work.looked(),
  })
  return {
    api,
    ready,
    /** A twin or a device may be another; the fleet index knows already. */
    note: (id: string): void => work.note(id),
    /** Another model may count for this device, or, unnamed, for any: what its twin refused may pass now. */
    retry: (device?: string): void => work.retry(device),
    told(event: HubEvent): void {
      if (event.type === 'device' || event.type === 'credential') work.note(event.id)
    },
    /** Tries again, and finds what changed without a word; due each few seconds. */
    sweep: () => work.sweep(),
    close(): Promise<void> {
      cancelTelling?.()
      news.close()
      return work.close()
    },
  }
}
