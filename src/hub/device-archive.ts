import type { StateStore, Write } from '../storage/state-store.ts'
import type { Twin } from '../twin/twin.ts'
import type { DecommissionReport } from './decommission.ts'

const coll = 'device_archive'
const pageSize = 500
const manyTwins = 20

type Archived = Pick<DecommissionReport['archive'], 'tags' | 'attributes' | 'twins'>

/** Copies of what a device was told and said of itself, as they were when it was retired: a document each, as large as theirs. */
export interface DeviceArchive {
  /** Replaces what was copied before; resolves with the number of documents. */
  copy(o: { device: string; by: string }): Promise<number>
  read(device: string): Promise<Archived>
  erase(device: string): Promise<void>
}

/** `devices`, `twins`: the collections in that store of tags and attributes, by device id, and of twins, by `{device}|{name}`. */
export async function openDeviceArchive(o: { store: StateStore; devices: string; twins: string }): Promise<DeviceArchive> {
  const { store } = o
  await store.declare(coll, {})
  const of = (device: string) => [['id', 'prefix', `${device}|`]] as const
  const pages = async <T extends object>(from: string, device: string, take: (items: { id: string; doc: T }[]) => unknown) => {
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await store.query<T>(from, { where: of(device), limit: manyTwins, ...(cursor !== undefined && { cursor }) })
      await take(page.items)
      cursor = page.next
    }
  }

  return {
    async copy({ device, by }) {
      const entity = await store.get(o.devices, device)
      if (entity) await store.put(coll, `${device}|`, entity.doc, { by })
      let count = entity ? 1 : 0
      await pages<Twin>(o.twins, device, async items => {
        const copies = items.map(({ id, doc: { desired, reported, tags } }): Write => {
          const name = id.slice(device.length + 1)
          return { op: 'put', coll, id: `${device}|twin|${name}`, doc: { desired, reported, tags } }
        })
        if (copies.length) await store.tx(copies, { by })
        count += copies.length
      })
      return count
    },
    async read(device) {
      let entity: Archived = {}
      const twins: NonNullable<Archived['twins']> = {}
      await pages<never>(coll, device, items => {
        for (const { id, doc } of items) {
          const [, kind, ...name] = id.split('|')
          if (kind === 'twin') twins[name.join('|')] = doc
          else entity = doc
        }
      })
      return { ...entity, ...(Object.keys(twins).length && { twins }) }
    },
    async erase(device) {
      for (;;) {
        const { items } = await store.query(coll, { where: of(device), limit: pageSize })
        if (items.length) await store.tx(items.map(({ id }): Write => ({ op: 'delete', coll, id })))
        if (items.length < pageSize) return
      }
    },
  }
}
