import { LoomError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import { readModelName } from '../twin/model/import-model.ts'
import { isObject } from '../twin/model/json.ts'
import type { ModelFault, ModelSource } from '../twin/model/model.ts'
import { sourceOf } from '../twin/model/source-of.ts'

type Models = Hub['models']
type ModelView = Awaited<ReturnType<Models['put']>>
type ModelSample = Parameters<Models['validate']>[0]
type ModelMode = ModelView['mode']

export const modelSubjects = ['telemetry', 'reported', 'desired', 'command', 'answer'] as const
/** What a payload is: values of a message, a section of a twin, the request of a method or the answer to it. */
export type ModelSubject = (typeof modelSubjects)[number]

export interface ModelSettings {
  /** undefined: as the document shows */
  source: ModelSource | undefined
  /** of put; undefined: as it is, of a new model `warn` */
  mode: ModelMode | undefined
  /** of put, with a mode */
  closed: boolean
  /** of validate */
  about: string
  method: string
  /** who did it, for the audit trail */
  by: string
}

/** A model as a message names it, with what more put may be told. */
interface NamedModel extends Partial<Pick<ModelView, 'mode' | 'closed'>> {
  id?: string
  version?: string
  source?: ModelSource
  short?: Record<string, string>
  placeholders?: Record<string, unknown>
}

export interface ModelOrder {
  /** `id`, `id;version`, an object with these, or nothing */
  named: unknown
  payload: unknown
  device: unknown
  component: unknown
  about: unknown
  method: unknown
  query: unknown
}

export interface ModelAnswer {
  payload: unknown
  /** `id;version`, or as it was named */
  model?: string
  next?: string
  /** of validate, for output 2 */
  faults?: readonly ModelFault[]
  label: string
}

interface Work {
  hub: Hub
  settings: ModelSettings
  order: ModelOrder
}

/** What `loom-model` can do. Errors are the hub's; NODE_CONFIG and READING_DEVICE for messages that do not say enough. */
export const modelActions: Readonly<Record<string, (work: Work) => Promise<ModelAnswer>>> = {
  async put({ hub, settings: { source, mode, closed, by }, order: { named, payload } }) {
    const { source: said, ...model } = namedModel(named)
    const document = documentOf(payload)
    const attachment = mode === undefined ? {} : { mode, closed }
    return viewed(await hub.models.put({ source: said ?? source ?? sourceOf(document), document, ...attachment, ...model, by }))
  },
  async get({ hub, order }) {
    const named = namedModel(order.named)
    const name = nameOf(named) ?? (await modelOfDevice(hub, order.device))
    if (name === undefined) throw new LoomError('MODEL_UNKNOWN', `${String(order.device).slice(0, 100)} follows none`)
    const found = await hub.models.get({ id: '', ...readModelName(name) })
    if (!found) throw new LoomError('MODEL_UNKNOWN', JSON.stringify(name.slice(0, 100)))
    return viewed(found)
  },
  async list({ hub, order: { query } }) {
    const { items, next } = await hub.models.list(pageOf(query))
    return { payload: items, ...(next !== undefined && { next }), label: String(items.length) }
  },
  async delete({ hub, settings: { by }, order: { named } }) {
    const { id, version } = namedModel(named)
    if (id === undefined) throw noModel()
    const one = { id, ...(version !== undefined && { version }) }
    await hub.models.delete({ ...one, by })
    const model = nameOf(one)!
    return { payload: { ...one, deleted: true }, model, label: model }
  },
  async validate({ hub, settings, order }) {
    const about = modelSubjects.find(one => one === (order.about ?? settings.about))
    if (!about)
      throw new LoomError('NODE_CONFIG', `about ${String(order.about ?? settings.about).slice(0, 40)}`, {
        hint: `one of ${modelSubjects.join(', ')}`,
      })
    const named = namedModel(order.named)
    const { component, method = settings.method } = order
    const many = about === 'telemetry' && Array.isArray(order.payload)
    const readings = many ? (order.payload as unknown[]) : [order.payload]
    const models = new Map<unknown, string | undefined>()
    const faults: ModelFault[] = []
    const values: unknown[] = []
    for (const [i, reading] of readings.entries()) {
      const { device = order.device, sample } = about === 'telemetry' ? valuesOf(reading) : { sample: reading }
      if (!models.has(device)) models.set(device, nameOf(named) ?? (await modelOfDevice(hub, device, many ? i : undefined)))
      const model = models.get(device)
      if (model === undefined) {
        values.push(sample)
        continue
      }
      const { closed } = named
      const asked = { model, ...sampleOf(about, sample, { component, method }), ...(closed !== undefined && { closed }) }
      const found = await hub.models.validate(asked)
      values.push(found.values ?? sample)
      for (const fault of found.faults) faults.push(many ? { ...fault, path: within(`[${i}]`, fault.path) } : fault)
    }
    const names = new Set(models.values())
    const model = names.size === 1 ? [...names][0] : undefined
    return {
      payload: {
        ...{ valid: !faults.length, about, faults },
        ...(model !== undefined && { model }),
        ...(about === 'telemetry' && { values: many ? values : values[0] }),
      },
      ...(model !== undefined && { model }),
      faults,
      label: faults.length ? `${faults[0]!.path || about} ${faults[0]!.message}` : (model ?? ''),
    }
  },
}

const viewed = (view: ModelView): ModelAnswer => ({ payload: view, model: view.name, label: view.name })

const noModel = (): LoomError =>
  new LoomError('NODE_CONFIG', 'no model is named', { hint: 'set msg.model to id or id;version, or choose one in the node' })

/** NODE_CONFIG. */
function namedModel(named: unknown): NamedModel {
  if (named === undefined || named === null || named === '') return {}
  if (isObject(named) && (named.id === undefined || typeof named.id === 'string')) {
    const { id, ...more } = named as NamedModel
    return { ...(id && readModelName(id)), ...(id && { id: readModelName(id)?.id ?? id }), ...more }
  }
  const name = typeof named === 'string' ? readModelName(named) : undefined
  if (name) return name
  throw new LoomError('NODE_CONFIG', `model ${JSON.stringify(named)?.slice(0, 80)}`, {
    hint: 'id, id;version, or an object with id',
  })
}

const nameOf = ({ id, version }: NamedModel): string | undefined =>
  id === undefined || version === undefined ? id : `${id};${version}`

/** The model that a device follows, whether the hub has it or not. READING_DEVICE. */
async function modelOfDevice(hub: Hub, device: unknown, position?: number): Promise<string | undefined> {
  if (typeof device === 'string' && device) return (await hub.models.modelOf({ device }))?.name
  const place = position === undefined ? {} : { position }
  throw new LoomError('READING_DEVICE', 'the message', { hint: 'set msg.device, or name a model', ...place })
}

/** A document, or its JSON as text or bytes. MODEL_INVALID. */
function documentOf(payload: unknown): unknown {
  const text = payload instanceof Uint8Array ? Buffer.from(payload).toString() : payload
  if (typeof text !== 'string') return payload
  try {
    // Editors of some systems begin a file with a mark of the byte order.
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    const position = /at position (\d+)/.exec((cause as Error).message)?.[1]
    throw new LoomError('MODEL_INVALID', 'msg.payload is no JSON', { ...(position && { position }), cause })
  }
}

/** NODE_CONFIG. */
function pageOf(query: unknown): { prefix?: string; limit?: number; cursor?: string } {
  const { prefix, limit, cursor } = isObject(query) ? query : { prefix: query }
  if (limit !== undefined && !(Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= 1000))
    throw new LoomError('NODE_CONFIG', `limit ${String(limit).slice(0, 40)}`, { hint: 'it is 1 to 1000' })
  for (const [name, text] of Object.entries({ prefix, cursor }))
    if (text !== undefined && typeof text !== 'string')
      throw new LoomError('NODE_CONFIG', `${name} of msg.query`, { hint: 'a text' })
  return {
    ...(prefix !== undefined && { prefix: prefix as string }),
    ...(limit !== undefined && { limit: limit as number }),
    ...(cursor !== undefined && { cursor: cursor as string }),
  }
}

/** Values, or a reading of a batch that has them below. */
function valuesOf(reading: unknown): { device?: unknown; sample: unknown } {
  if (!isObject(reading) || !isObject(reading.values)) return { sample: reading }
  const { device, time, values } = reading
  if (typeof device !== 'string' && typeof time !== 'number') return { sample: reading }
  return { ...(device !== undefined && { device }), sample: values }
}

const within = (place: string, path: string): string => (path && !path.startsWith('[') ? `${place}.${path}` : place + path)

/** NODE_CONFIG. */
function sampleOf(
  about: ModelSubject,
  sample: unknown,
  { component, method }: { component: unknown; method: unknown },
): Omit<ModelSample, 'model'> {
  if (about === 'telemetry')
    return { telemetry: sample as Record<string, unknown>, ...(typeof component === 'string' && { component }) }
  if (about === 'reported' || about === 'desired') return { [about]: sample }
  const name = isObject(method) ? method.name : method
  if (typeof name !== 'string' || !name)
    throw new LoomError('NODE_CONFIG', 'no method is named', { hint: 'set msg.method, or the method in the node' })
  return { command: { name, ...(about === 'command' ? { payload: sample } : { answer: sample }) } }
}
