import type { StateStore, Write } from '../storage/state-store.ts'

/** What became of a key, so that a device whose answer was lost hears it again. */
export interface KeptAnswer {
  /** who had asked */
  principal: string
  /** hash of what was asked for: template and parameters */
  asked: string
  deviceId: string
  certificatePem: string
  deviceConfiguration: Record<string, string>
  /** epoch ms */
  expiresAt: number
}

export interface KeptAnswers {
  /** `key`: hash of the public key. */
  find(key: string): Promise<KeptAnswer | undefined>
  /** For the transaction that writes the device. */
  keep(key: string, answer: Omit<KeptAnswer, 'expiresAt'>): Write
  sweep(now: number): Promise<number>
}

const coll = 'provision_answers'
const keptMs = 24 * 3_600_000

/** It must be the only writer of its collection. A certificate is no secret: only who has the private key can use it. */
export async function openKeptAnswers({ store, now }: { store: StateStore; now: () => number }): Promise<KeptAnswers> {
  await store.declare(coll, { indexes: ['expiresAt'] })
  return {
    async find(key) {
      const doc = (await store.get<KeptAnswer>(coll, key))?.doc
      return doc && doc.expiresAt > now() ? doc : undefined
    },
    keep: (key, answer) => ({
      op: 'put',
      coll,
      id: key,
      doc: { ...answer, expiresAt: now() + keptMs } satisfies KeptAnswer,
    }),
    async sweep(at) {
      let removed = 0
      for (;;) {
        const { items } = await store.query<KeptAnswer>(coll, { where: [['expiresAt', '<=', at]], limit: 500 })
        if (items.length === 0) return removed
        await store.tx(
          items.map(({ id }): Write => ({ op: 'delete', coll, id })),
          { by: 'sweep' },
        )
        removed += items.length
      }
    },
  }
}
