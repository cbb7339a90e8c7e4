import { LoomError } from '../errors.ts'
import { applyUpdate } from '../twin/update.ts'
import type { ModelFault } from '../twin/model/model.ts'
import type { ModelSample, ModelsApi } from './hub-models.ts'
import type { ModelBindings } from './model-bindings.ts'
import type { ModelStore } from './model-store.ts'

/** Models as people and flows ask for them; what they change counts for connected devices when it resolves. */
export function createModelsApi({ store, bindings }: { store: ModelStore; bindings: ModelBindings }): ModelsApi {
  const settings = (): { default?: string } => (store.default === undefined ? {} : { default: store.default })
  const refreshed = async <T>(change: Promise<T>): Promise<T> => {
    const done = await change
    await bindings.refreshed()
    return done
  }

  return {
    put: o => refreshed(store.put(o)),
    get: o => store.get(o),
    list: async o => store.list(o),
    delete: o => refreshed(store.delete(o)),
    attach: o => refreshed(store.attach(o)),
    settings: async () => settings(),
    setSettings: async o => {
      await refreshed(store.setDefault(o))
      return settings()
    },

    async modelOf({ device }) {
      const found = await bindings.named(device)
      if (!found) return undefined
      const head = store.find(found.name)
      if (!head) return { ...found, known: false }
      return { ...found, known: true, version: head.version, ...store.attachmentOf(head.id) }
    },

    async validate(sample) {
      const head = store.need(String(sample.model))
      const checked = await store.checked(head.name)
      const { telemetry, component, command, closed = store.attachmentOf(head.id).closed } = sample
      const faults: ModelFault[] = []
      let values: Record<string, unknown> | undefined
      if (telemetry !== undefined) {
        const expanded = checked.expand(objectOf(telemetry, 'telemetry'))
        ;({ values } = expanded)
        faults.push(...expanded.faults)
        if (!expanded.faults.length)
          faults.push(...checked.telemetry(values, { closed, ...(component !== undefined && { component }) }))
      }
      for (const section of ['desired', 'reported'] as const) {
        const patch = sampleOf(sample, section)
        if (!patch) continue
        const given = section === 'reported' ? checked.expand(patch) : { values: patch, faults: [] }
        const { doc, accepted } = applyUpdate(undefined, { [section]: given.values }, { now: 0 })
        faults.push(...given.faults, ...checked.properties(section, accepted.state[section] ?? {}, doc[section], { closed }))
      }
      if (command) {
        const { name, payload } = command
        // An answer may come alone, and so may a request without payload.
        if ('payload' in command || !('answer' in command))
          faults.push(...checked.command(String(name), 'request', payload, { closed }))
        if ('answer' in command) faults.push(...checked.command(String(name), 'response', command.answer, { closed }))
      }
      return { valid: !faults.length, faults, ...(values && { values }) }
    },
  }
}

const sampleOf = (sample: ModelSample, section: 'desired' | 'reported'): Record<string, unknown> | undefined =>
  sample[section] === undefined ? undefined : objectOf(sample[section], section)

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new LoomError('REQUEST_INVALID', `${what} must be an object`, { position: what })
}
