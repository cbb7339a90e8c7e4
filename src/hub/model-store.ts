import { isDeepStrictEqual } from 'node:util'
import { LoomError } from '../errors.ts'
import { Lru } from '../identity/lru.ts'
import type { Page, StateStore } from '../storage/state-store.ts'
import { CheckedModel } from '../twin/model/checked-model.ts'
import { compareVersions, modelName, type ModelRequest, readModel, readModelName } from '../twin/model/import-model.ts'
import { modelLimits } from '../twin/model/model.ts'
import type { LoadValidator, Validator } from '../twin/model/validator.ts'
import type { AuditTrail } from './audit-trail.ts'
import { type ModelAttachment, type ModelDetail, modelModes, type ModelView } from './hub-models.ts'

export const modelsColl = 'models'
const settingsColl = 'model_settings'
/** No id can be this. */
const hubKey = '*'
const keptCompiled = 256
const pageSize = 20

interface StoredModel extends ModelRequest {
  id: string
  version: string
  title?: string
  warnings: ModelView['warnings']
  createdAt: number
}

type Head = Omit<ModelView, keyof ModelAttachment>

const usual: ModelAttachment = { mode: 'warn', closed: false }

/** Models on disk, what they are called and how they count in memory, the compiled ones of late. It must be the only writer of its collections. */
export async function openModelStore(o: {
  state: StateStore
  trail: Pick<AuditTrail, 'write'>
  load: LoadValidator
  now: () => number
}) {
  const { state, trail, now } = o
  await state.declare(modelsColl, {})
  await state.declare(settingsColl, {})
  const heads = new Map<string, Head[]>()
  const attached = new Map<string, ModelAttachment>()
  const compiled = new Lru<string, CheckedModel>(keptCompiled)
  let stored = 0
  let hubDefault: string | undefined
  let validator: Validator | undefined
  let queue: Promise<unknown> = Promise.resolve()

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => {})
    return turn
  }
  const remember = ({ id, version, source, title, createdAt, warnings }: StoredModel): Head => {
    const name = modelName({ id, version })
    const head: Head = { id, version, name, source, createdAt, warnings, ...(title !== undefined && { title }) }
    const list = [...(heads.get(id) ?? []), head].sort((a, b) => compareVersions(b.version, a.version))
    heads.set(id, list)
    stored++
    return head
  }
  const attachmentOf = (id: string): ModelAttachment => attached.get(id) ?? usual
  const viewOf = (head: Head): ModelView => ({ ...head, ...attachmentOf(head.id) })
  /** Of a name as devices give it. */
  const find = (name: string): Head | undefined => {
    const { id, version } = readModelName(name) ?? {}
    const list = id === undefined ? undefined : heads.get(id)
    return version === undefined ? list?.[0] : list?.find(head => compareVersions(head.version, version) === 0)
  }
  const need = (name: string): Head => {
    const head = find(name)
    if (!head) throw new LoomError('MODEL_UNKNOWN', JSON.stringify(name.slice(0, 100)))
    return head
  }
  const read = async (name: string): Promise<StoredModel> => (await state.get<StoredModel>(modelsColl, name))!.doc
  const ready = async (): Promise<Validator> => (validator ??= await o.load())
  const settingWrite = (id: string, doc: object) => ({ op: 'put', coll: settingsColl, id, doc }) as const
  const author = (by: string | undefined) => (by === undefined ? {} : { by })

  let cursor: string | undefined
  do {
    const page: Page<StoredModel> = await state.query(modelsColl, { limit: pageSize, ...(cursor !== undefined && { cursor }) })
    for (const { doc } of page.items) remember(doc)
    cursor = page.next
  } while (cursor !== undefined)
  do {
    const page: Page<ModelAttachment & { default?: string }> = await state.query(settingsColl, {
      limit: 500,
      ...(cursor !== undefined && { cursor }),
    })
    for (const { id, doc } of page.items) id === hubKey ? (hubDefault = doc.default) : attached.set(id, doc)
    cursor = page.next
  } while (cursor !== undefined)

  return {
    /** versions of all models */
    get size(): number {
      return stored
    },
    get default(): string | undefined {
      return hubDefault
    },
    find,
    need,
    attachmentOf,

    /** Compiled, or compiled now. DRIVER_MISSING. */
    async checked(name: string): Promise<CheckedModel> {
      const known = compiled.get(name)
      if (known) return known
      const library = await ready()
      const made = new CheckedModel({ ...readModel(await read(name)), validator: library })
      compiled.set(name, made)
      return made
    },

    put: ({ by, mode, closed, ...request }: ModelRequest & Partial<ModelAttachment> & { by?: string }): Promise<ModelView> =>
      inOrder(async () => {
        const { id, version, model, short, warnings } = readModel(request)
        const attachment = checkedAttachment({
          ...attachmentOf(id),
          ...(mode && { mode }),
          ...(closed !== undefined && { closed }),
        })
        const name = modelName({ id, version })
        const known = find(name)
        const { source, document, placeholders } = request
        const doc: StoredModel = {
          ...{ id, version, source, document, short, warnings, createdAt: now() },
          ...(model.title !== undefined && { title: model.title }),
          ...(placeholders && { placeholders }),
        }
        if (known) {
          const { createdAt: _, ...before } = await read(known.name)
          const { createdAt: __, ...after } = JSON.parse(JSON.stringify(doc)) as StoredModel
          if (!isDeepStrictEqual(before, { ...after, version: before.version }))
            throw new LoomError('MODEL_EXISTS', name, { hint: 'give another version' })
          if (mode === undefined && closed === undefined) return viewOf(known)
        } else if (stored >= modelLimits.stored)
          throw new LoomError('MODEL_LIMIT', `${stored} versions of models`, { hint: 'delete old ones' })
        const checked = new CheckedModel({ model, short, validator: await ready() })
        checked.compileAll()
        await state.tx(
          [
            ...(known ? [] : [{ op: 'put', coll: modelsColl, id: name, doc, version: 'new' } as const]),
            settingWrite(id, attachment),
            trail.write('state', { by, action: 'model.put', target: name, detail: { source, ...attachment } }),
          ],
          author(by),
        )
        attached.set(id, attachment)
        if (!known) compiled.set(name, checked)
        return viewOf(known ?? remember(doc))
      }),

    async get({ id, version }: { id: string; version?: string }): Promise<ModelDetail | undefined> {
      const head = find(version === undefined ? id : modelName({ id, version }))
      if (!head) return undefined
      const doc = await read(head.name)
      const { document, short = {}, placeholders } = doc
      return { ...viewOf(head), document, short, ...(placeholders && { placeholders }), model: readModel(doc).model }
    },

    list({ prefix = '', limit = 100, cursor: after }: { prefix?: string; limit?: number; cursor?: string }) {
      const all = [...heads.keys()].filter(id => id.startsWith(prefix)).sort()
      const views = all.flatMap(id => heads.get(id)!.map(viewOf))
      const from = after === undefined ? 0 : views.findIndex(({ name }) => name === after) + 1
      if (after !== undefined && from === 0) throw new LoomError('REQUEST_INVALID', `cursor "${after.slice(0, 60)}"`)
      const items = views.slice(from, from + Math.min(Math.max(limit, 1), 1000))
      return { items, ...(from + items.length < views.length && { next: items.at(-1)!.name }) }
    },

    delete: ({ id: name, version, by }: { id: string; version?: string; by?: string }): Promise<void> =>
      inOrder(async () => {
        const head = need(version === undefined ? name : modelName({ id: name, version }))
        const { id } = head
        const one = version !== undefined || name !== id
        const gone = one ? [head] : heads.get(id)!
        const left = heads.get(id)!.filter(other => !gone.includes(other))
        const standard = hubDefault === undefined ? undefined : readModelName(hubDefault)
        if (standard?.id === id && (standard.version === undefined ? !left.length : gone.includes(find(hubDefault!)!)))
          throw new LoomError('MODEL_IN_USE', hubDefault, { hint: 'make another one the default first' })
        await state.tx(
          [
            ...gone.map(({ name }) => ({ op: 'delete', coll: modelsColl, id: name }) as const),
            ...(left.length ? [] : [{ op: 'delete', coll: settingsColl, id } as const]),
            trail.write('state', { by, action: 'model.delete', target: one ? head.name : id }),
          ],
          author(by),
        )
        stored -= gone.length
        for (const { name } of gone) compiled.delete(name)
        if (left.length) heads.set(id, left)
        else {
          heads.delete(id)
          attached.delete(id)
        }
      }),

    attach: ({ id: name, by, ...change }: { id: string; by?: string } & Partial<ModelAttachment>): Promise<ModelAttachment> =>
      inOrder(async () => {
        const { id } = need(name)
        const { mode = attachmentOf(id).mode, closed = attachmentOf(id).closed } = change
        const attachment = checkedAttachment({ mode, closed })
        const audit = trail.write('state', { by, action: 'model.attach', target: id, detail: { ...attachment } })
        await state.tx([settingWrite(id, attachment), audit], author(by))
        attached.set(id, attachment)
        return attachment
      }),

    setDefault: ({ default: name, by }: { default: string | null; by?: string }): Promise<void> =>
      inOrder(async () => {
        if (name !== null) need(name)
        const audit = trail.write('state', { by, action: 'model.default', target: name ?? 'none' })
        await state.tx([settingWrite(hubKey, name === null ? {} : { default: name }), audit], author(by))
        hubDefault = name ?? undefined
      }),
  }
}

export type ModelStore = Awaited<ReturnType<typeof openModelStore>>

function checkedAttachment({ mode, closed }: ModelAttachment): ModelAttachment {
  if (!modelModes.includes(mode))
    throw new LoomError('MODEL_INVALID', `mode ${JSON.stringify(mode)?.slice(0, 40)}`, {
      hint: `one of ${modelModes.join(', ')}`,
    })
  if (typeof closed !== 'boolean') throw new LoomError('MODEL_INVALID', 'closed', { hint: 'it is true or false' })
  return { mode, closed }
}
