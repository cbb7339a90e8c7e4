import type { Connection } from '../broker/broker-port.ts'
import type { StateStore } from '../storage/state-store.ts'
import type { LoadValidator } from '../twin/model/validator.ts'
import { loadAjvValidator } from './ajv-validator.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { HubEvent } from './hub.ts'
import { openModelBindings } from './model-bindings.ts'
import { createModelChecks } from './model-checks.ts'
import { openModelStore } from './model-store.ts'
import { createModelsApi } from './models-api.ts'
import type { Problems } from './problems.ts'

export interface ModelsHouse {
  state: StateStore
  trail: Pick<AuditTrail, 'write'>
  problems: Pick<Problems, 'set'>
  emit(event: HubEvent): void
  broker(): { connections(): Iterable<Connection>; connectionsOf(id: string): readonly Connection[] }
  /** Another model may count for this device, or, unnamed, for any. */
  changed(device?: string): void
  now: () => number
  load?: LoadValidator
}

/** Models, who follows them, and what is held against them. */
export async function openModels(house: ModelsHouse) {
  const { state, trail, problems, emit, broker, changed, now, load = () => loadAjvValidator() } = house
  const store = await openModelStore({ state, trail, load, now })
  const bindings = await openModelBindings({
    ...{ state, store, changed },
    *connected() {
      for (const { principal } of broker().connections()) if (principal.deviceId) yield principal.deviceId
    },
    failed: error => problems.set('device models', error),
    unknown: (device, model) => emit({ type: 'model', at: now(), code: 'MODEL_UNKNOWN', device, model: model.slice(0, 150) }),
  })
  const checks = createModelChecks({ bindings, emit, now })

  return {
    api: createModelsApi({ store, bindings }),
    checks,
    /** It was let in, and named that model, if any. Resolves before its first message is looked at, also if its model cannot be had. */
    async connects(device: string, claim: string | undefined): Promise<void> {
      if (bindings.none && claim === undefined) return
      try {
        await bindings.connects(device, claim)
      } catch (error) {
        // Nor is it to blame that nobody can say which it follows.
        problems.set('device models', error)
      }
    },
    gone({ id, principal: { deviceId } }: Connection): void {
      if (
        deviceId &&
        broker()
          .connectionsOf(deviceId)
          .every(other => other.id === id)
      )
        bindings.left(deviceId)
    },
    /** Of a device that need not be connected: its model is at hand after this. */
    ready: (device: string): Promise<unknown> | undefined => (bindings.none ? undefined : bindings.bound(device)),
    whenKnown: bindings.whenKnown,
    followed(event: HubEvent): void {
      if (event.type !== 'device') return
      const { id, change } = event
      const done = change === 'updated' ? bindings.changed(id) : change === 'deleted' ? bindings.deleted(id) : undefined
      done?.catch(error => problems.set('device models', error))
    },
  }
}

export type Models = Awaited<ReturnType<typeof openModels>>
