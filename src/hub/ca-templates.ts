import type { StateStore, Write } from '../storage/state-store.ts'

const coll = 'ca_templates'

/** The template by which unknown certificates of a registered CA become devices; few, so all are in memory. It must be the only writer of its collection. */
export async function openCaTemplates(store: StateStore) {
  await store.declare(coll, {})
  const all = new Map<string, string>()
  for (const { id, doc } of (await store.query<{ template: string }>(coll, { limit: 1000 })).items) all.set(id, doc.template)
  return {
    of: (caId: string): string | undefined => all.get(caId),
    list: () => [...all].map(([ca, template]) => ({ ca, template })),
    /** `undefined`: unknown certificates of that CA are refused again. */
    async set(caId: string, template: string | undefined, o: { by?: string; also?: readonly Write[] } = {}): Promise<void> {
      const write: Write =
        template === undefined ? { op: 'delete', coll, id: caId } : { op: 'put', coll, id: caId, doc: { template } }
      await store.tx([write, ...(o.also ?? [])], o.by === undefined ? {} : { by: o.by })
      if (template === undefined) all.delete(caId)
      else all.set(caId, template)
    },
  }
}
