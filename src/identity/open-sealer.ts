import type { StateStore } from '../storage/state-store.ts'
import { createSealer, type Sealer } from './seal.ts'

const coll = 'hub_keys'

/** The sealer of a store: its hub key is compared with the one the store was first used with, which the first call fixes. HUB_KEY_MISMATCH. */
export async function openSealer(o: {
  key: Uint8Array
  hubId: string
  store: StateStore
  random: (size: number) => Buffer
}): Promise<Sealer> {
  const sealer = createSealer(o)
  await o.store.declare(coll, {})
  const stored = await o.store.get<{ check: string }>(coll, 'check')
  if (stored) sealer.verifyCheck(stored.doc.check)
  else await o.store.put(coll, 'check', { check: sealer.check }, { version: 'new', by: 'hub' })
  return sealer
}
