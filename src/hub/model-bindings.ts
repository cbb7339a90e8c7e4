import { Lru } from '../identity/lru.ts'
import type { StateStore } from '../storage/state-store.ts'
import type { CheckedModel } from '../twin/model/checked-model.ts'
import { readModelName } from '../twin/model/import-model.ts'
import { devicesColl } from './devices.ts'
import type { ModelMode, ModelOfDevice } from './hub-models.ts'
import type { ModelStore } from './model-store.ts'
import { createTurns } from './turns.ts'

/** What devices called their model when they connected. */
const claimsColl = 'model_claims'
const kept = 10_000

/** A model that counts for a device. */
export interface Binding {
  name: string
  mode: Exclude<ModelMode, 'off'>
  closed: boolean
  checked: CheckedModel
}

/** Who follows which model: in memory for devices that are connected, and the last ones that were heard of otherwise. */
export async function openModelBindings(o: {
  state: StateStore
  store: ModelStore
  /** ids of devices that are connected now */
  connected(): Iterable<string>
  unknown(device: string, name: string): void
  /** A model cannot be had: its devices are not to blame, and go unchecked. */
  failed(error: unknown): void
  /** Another model may count for this device, or, unnamed, for any. */
  changed(device?: string): void
}) {
  const { state, store } = o
  await state.declare(claimsColl, {})
  const live = new Map<string, Binding>()
  /** Not connected; `null`: follows none. */
  const passing = new Lru<string, Binding | null>(kept)
  /** being looked up, not connected */
  const looking = new Set<string>()
  const waiting = new Map<string, (() => void)[]>()
  const inTurn = createTurns()

  const named = async (device: string): Promise<Pick<ModelOfDevice, 'by' | 'name'> | undefined> => {
    const [entity, claim] = await Promise.all([
      state.get<{ attributes?: Record<string, string> }>(devicesColl, device),
      state.get<{ model: string }>(claimsColl, device),
    ])
    const registered = entity?.doc.attributes?.model
    if (registered) return { by: 'registry', name: registered }
    if (claim) return { by: 'device', name: claim.doc.model }
    return store.default === undefined ? undefined : { by: 'hub', name: store.default }
  }
  const bindingOf = async (device: string): Promise<Binding | undefined> => {
    if (!store.size) return undefined
    const found = await named(device)
    if (!found) return undefined
    const head = store.find(found.name)
    if (!head) {
      o.unknown(device, found.name)
      return undefined
    }
    const { mode, closed } = store.attachmentOf(head.id)
    if (mode === 'off') return undefined
    try {
      return { name: head.name, mode, closed, checked: await store.checked(head.name) }
    } catch (error) {
      o.failed(error)
      return undefined
    }
  }
  const keep = (device: string, binding: Binding | undefined): void => {
    if (binding) live.set(device, binding)
    else live.delete(device)
  }
  /** `then`: while it is certainly at hand. */
  const lookUp = (device: string, then = (): void => {}): Promise<Binding | undefined> =>
    inTurn(device, async () => {
      looking.add(device)
      try {
        const binding = await bindingOf(device)
        if (!live.has(device)) passing.set(device, binding ?? null)
        return binding
      } finally {
        looking.delete(device)
        then()
      }
    })

  return {
    /** Nobody follows any: nothing has to be looked up. */
    get none(): boolean {
      return store.size === 0
    },
    /** Without waiting: of who is connected or was looked up of late. */
    of: (device: string): Binding | undefined => live.get(device) ?? passing.get(device) ?? undefined,

    /** Of whoever it is. */
    bound: async (device: string): Promise<Binding | undefined> => {
      if (!store.size) return undefined
      const known = live.get(device) ?? passing.get(device)
      if (known !== undefined) return known ?? undefined
      return lookUp(device)
    },

    /** `work` is done while `of` knows of the device: at once if it does, or when it was looked up; of one device in the order of the calls. */
    whenKnown(device: string, work: () => void): void {
      const behind = waiting.get(device)
      if (behind) behind.push(work)
      else if (!store.size || live.has(device) || passing.get(device) !== undefined) work()
      else {
        const works = [work]
        waiting.set(device, works)
        lookUp(device, () => {
          waiting.delete(device)
          for (const one of works) one()
        }).catch(o.failed)
      }
    },

    named,

    /** It connects; `claim`: the model it names. Before its first message. */
    connects: (device: string, claim: string | undefined): Promise<void> =>
      inTurn(device, async () => {
        if (claim !== undefined && readModelName(claim)) {
          const before = await state.get<{ model: string }>(claimsColl, device)
          if (before?.doc.model !== claim) await state.put(claimsColl, device, { model: claim })
        }
        passing.delete(device)
        keep(device, await bindingOf(device))
      }),

    left: (device: string): void => void live.delete(device),

    /** Its attributes are others now. */
    changed: (device: string): Promise<void> =>
      inTurn(device, async () => {
        passing.delete(device)
        if (!store.size) return
        for (const one of o.connected())
          if (one === device) {
            keep(device, await bindingOf(device))
            break
          }
        o.changed(device)
      }),

    deleted: (device: string): Promise<void> =>
      inTurn(device, async () => {
        live.delete(device)
        passing.delete(device)
        if (await state.get(claimsColl, device)) await state.delete(claimsColl, device)
      }),

    /** Models are others now. */
    async refreshed(): Promise<void> {
      passing.clear()
      for (const device of new Set([...live.keys(), ...o.connected()]))
        await inTurn(device, async () => keep(device, await bindingOf(device)))
      // What they find may be of before
      for (const device of [...looking]) await inTurn(device, async () => passing.delete(device))
      o.changed()
    },
  }
}

export type ModelBindings = Awaited<ReturnType<typeof openModelBindings>>
