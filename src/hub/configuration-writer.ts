import { type ErrorCode, errorData, LoomError } from '../errors.ts'
import { kinds } from '../journal/journal-port.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { type DeviceRecord, isEmpty, type NextStep, type Rollout } from '../twin/configuration/rollout.ts'
import type { FleetDoc } from '../topology/fleet-doc.ts'
import { sameJson, type TwinSection } from '../twin/json.ts'
import type { JournalOutbox } from './journal-outbox.ts'
import type { Twins } from './twins.ts'

const coll = 'configured'

export interface WriterParts {
  state: StateStore
  twins: Pick<Twins, 'get' | 'update'>
  outbox: Pick<JournalOutbox, 'write'>
  rollout: Rollout<FleetDoc>
  now: () => number
}

/** `retry`: it changed meanwhile. */
export type Outcome = 'done' | 'retry'

const refusals: readonly ErrorCode[] = ['TWIN_INVALID', 'TWIN_LIMIT', 'MODEL_VIOLATION']
const gone: readonly ErrorCode[] = ['IDENTITY_NOT_FOUND', 'IDENTITY_RETIRED']
const shownNames = 3
const renamed = { hint: 'the model of the device gives them their long names: a configuration must name those' }

/** Writes what configurations want of a device into its twin, with the record of it and what flows are told in one transaction. */
export function createConfigurationWriter({ state, twins, outbox, rollout, now }: WriterParts) {
  const recordWrite = (id: string, record: DeviceRecord): Write =>
    isEmpty(record) ? { op: 'delete', coll, id } : { op: 'put', coll, id, doc: record }
  const also = (id: string, { record, events }: NextStep): Write[] => [
    recordWrite(id, record),
    ...events.map(({ configuration, event, version }) => {
      const failure = event === 'failed' && record.error && { error: record.error }
      const payload = { configuration, event, version, at: now(), ...failure }
      return outbox.write({ kind: kinds.configuration, device: id, payload, props: { configuration, event } })
    }),
  ]
  const record = async (id: string, next: NextStep): Promise<void> => {
    await state.tx(also(id, next), { by: 'hub' })
    rollout.written(id, next.record)
  }
  const refuse = async (id: string, twin: { desired: TwinSection; reported: TwinSection }, error: LoomError): Promise<void> => {
    rollout.refused(id, twin.desired, errorData(error))
    const next = rollout.step(id, twin)
    if (next?.due) await record(id, next)
  }

  return {
    /** Puts what earlier runs have done into the rollout. */
    async load(): Promise<void> {
      await state.declare(coll, {})
      let cursor: string | undefined
      do {
        const page = await state.query<DeviceRecord>(coll, { limit: 1000, ...(cursor !== undefined && { cursor }) })
        for (const { id, doc } of page.items) rollout.restore(id, doc)
        cursor = page.next
      } while (cursor !== undefined)
    },

    /** A device that is gone or out of service: nothing is written into its twin. */
    async drop(id: string): Promise<void> {
      await state.tx([{ op: 'delete', coll, id }], { by: 'hub' })
      rollout.forget(id)
    },

    async bring(id: string): Promise<Outcome> {
      const twin = await twins.get(id).catch(orGone)
      if (!twin) {
        await this.drop(id)
        return 'done'
      }
      const next = rollout.step(id, twin)
      if (!next?.due) return 'done'
      const { patch } = next.plan
      if (!patch) {
        await record(id, next)
        return 'done'
      }
      try {
        const by = authorOf(next, rollout.recordOf(id))
        const { doc } = await twins.update({ deviceId: id, etag: twin.etag, patch: { desired: patch }, by, also: also(id, next) })
        rollout.written(id, next.record)
        if (!sameJson(doc.desired, next.plan.desired)) await refuse(id, doc, new LoomError('TWIN_INVALID', 'short keys', renamed))
        return 'done'
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        if (error.code === 'TWIN_VERSION_CONFLICT') return 'retry'
        if (gone.includes(error.code)) {
          await this.drop(id)
          return 'done'
        }
        if (!refusals.includes(error.code)) throw error
        await refuse(id, twin, error)
        return 'done'
      }
    },
  }
}

export type ConfigurationWriter = ReturnType<typeof createConfigurationWriter>

const orGone = (error: unknown): undefined => {
  if (error instanceof LoomError && gone.includes(error.code)) return undefined
  throw error
}

/** Those whose values it gets, or had. */
function authorOf({ plan }: NextStep, before: DeviceRecord): string {
  const names = new Set(Object.values(plan.applied).map(({ by }) => by))
  if (!names.size) for (const { by } of Object.values(before.applied)) names.add(by)
  const shown = [...names].slice(0, shownNames).join(', ')
  return `configuration ${shown}${names.size > shownNames ? ', ..' : ''}`
}
