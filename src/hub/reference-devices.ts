import { LoomError } from '../errors.ts'
import type { StateStore } from '../storage/state-store.ts'
import { type DeviceFacts, type FactName, factNames } from '../telemetry/device-facts.ts'
import type { StoredTwin } from '../twin/stored-twin.ts'
import { twinsColl } from './collections.ts'
import type { Fleet } from './open-fleet.ts'
import { keysAsked } from './reference-api.ts'

interface Parts {
  fleet: Pick<Fleet, 'index' | 'settled' | 'dynamicGroupsOf'>
  state: Pick<StateStore, 'query'>
}

const twinsAtOnce = 500

/** What is known of many devices, from the fleet index; their twins from the store where the index holds declared paths only. */
export function createDeviceFacts({ fleet, state }: Parts) {
  const twinsOf = async (ids: readonly string[]): Promise<Map<string, StoredTwin>> => {
    const found = new Map<string, StoredTwin>()
    for (let at = 0; at < ids.length; at += twinsAtOnce) {
      const some = ids.slice(at, at + twinsAtOnce).map(id => `${id}|`)
      const { items } = await state.query<StoredTwin>(twinsColl, { where: [['id', 'in', some]], limit: 1000 })
      for (const { doc } of items) found.set(doc.deviceId, doc)
    }
    return found
  }

  return async ({ ids, of }: { ids: string[]; of: FactName[] }): Promise<{ items: ({ id: string } & DeviceFacts)[] }> => {
    const wanted = new Set(of)
    for (const name of wanted)
      if (!factNames.includes(name))
        throw new LoomError('REFERENCE_INVALID', `"${String(name).slice(0, 40)}" of devices`, {
          hint: `one of ${factNames.join(', ')}`,
        })
    const asked = keysAsked(ids, 'ids')
    await fleet.settled()
    const { index } = fleet
    const twins = index.reduced && (wanted.has('desired') || wanted.has('reported')) ? await twinsOf(asked) : undefined
    const items = asked.flatMap(id => {
      const doc = index.get(id)
      if (!doc) return []
      const { desired, reported } = twins?.get(id) ?? doc.twin
      const { tags, attributes } = doc
      const { gateway } = attributes
      const facts: Required<Omit<DeviceFacts, 'gateway'>> & Pick<DeviceFacts, 'gateway'> = {
        ...{ tags, attributes, desired, reported },
        groups: wanted.has('groups') ? [...new Set([...doc.groups, ...fleet.dynamicGroupsOf(id)])].sort() : [],
        ...(typeof gateway === 'string' && { gateway }),
      }
      return [{ id, ...Object.fromEntries(Object.entries(facts).filter(([name]) => wanted.has(name as FactName))) }]
    })
    // In-process callers must not get hold of what the index holds.
    return structuredClone({ items })
  }
}
