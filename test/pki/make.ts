import { randomBytes } from 'node:crypto'
import { createSealer } from '../../src/identity/seal.ts'
import { type Authority, type AuthorityOptions, openAuthority } from '../../src/pki/authority.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

export const random = randomBytes
/** A whole second, far from any special date. */
export const start = Date.UTC(2026, 4, 6, 7, 8, 9)
export const days = (n: number): number => n * 86_400_000

/** For certificates that openssl makes, which begin now. */
export const liveClock = {
  get now(): number {
    return Date.now()
  },
  set now(_: number) {},
}

export const sealerOf = (key: Uint8Array = Buffer.alloc(32, 7), hubId = 'house') => createSealer({ key, hubId, random })

/** An authority on a memory store, with a clock that the test turns. */
export async function authorityOf(
  o: { store?: StateStore; clock?: { now: number }; hubId?: string } & Partial<AuthorityOptions> = {},
): Promise<{ authority: Authority; store: StateStore; clock: { now: number } }> {
  const clock = o.clock ?? { now: start }
  const store = o.store ?? (await openMemoryStateStore({ now: () => clock.now }))
  const hubId = o.hubId ?? 'house'
  const sealer = sealerOf(undefined, hubId)
  const authority = await openAuthority({ sealer, now: () => clock.now, random, ...o, hubId, store })
  return { authority, store, clock }
}

export const codeOf = (code: string) => (error: { code?: string }) => error.code === code
