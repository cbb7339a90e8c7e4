import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { readTemplate, type Template } from './template.ts'
import { checkSettings, type TemplateSettings } from './template-settings.ts'

/** A template as it may be shown. */
export interface TemplateView extends TemplateSettings {
  name: string
  /** devices that came through it */
  used: number
  /** what it says and this hub does not do */
  warnings: string[]
  createdAt: number
  updatedAt: number
  etag: string
}

export interface TemplateWriting {
  /** PROV_CONFLICT if it is not the current one */
  etag?: string
  /** who did it, for the change feed */
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

export interface FoundTemplate {
  view: TemplateView
  template: Template
  /** Counts one device more. PROV_QUOTA if there are as many as allowed. The caller sees to it that no two are under way at once. */
  spend(): Promise<Write[]>
}

/** It must be the only writer of its collections. */
export interface Templates {
  /** PROV_INVALID, PROV_TEMPLATE_INVALID, PROV_EXISTS, PROV_LIMIT. */
  create(name: string, settings: unknown, o?: Omit<TemplateWriting, 'etag'>): Promise<TemplateView>
  get(name: string): Promise<TemplateView | undefined>
  list(o?: { limit?: number; cursor?: string }): Promise<{ items: TemplateView[]; next?: string }>
  /** Members of `changes` replace those there, null removes optional ones. PROV_NO_TEMPLATE, PROV_CONFLICT and as `create`. */
  update(name: string, changes: object, o?: TemplateWriting): Promise<TemplateView>
  /** PROV_NO_TEMPLATE, PROV_CONFLICT. */
  delete(name: string, o?: TemplateWriting): Promise<void>
  /** With its body read, for use. PROV_NO_TEMPLATE. */
  find(name: string): Promise<FoundTemplate>
}

interface TemplateDoc extends TemplateSettings {
  createdAt: number
  updatedAt: number
}

const coll = 'provisioning_templates'
/** Apart, so that a device that comes does not change the etag of what operators edit. */
const countsColl = 'provisioning_template_counts'
const mostTemplates = 1000
const pageLimit = 100

export const isTemplateName = (name: unknown): name is string => typeof name === 'string' && /^[0-9A-Za-z_-]{1,36}$/.test(name)

export async function openTemplates(o: { store: StateStore; now: () => number }): Promise<Templates> {
  const { store, now } = o
  await store.declare(coll, {})
  await store.declare(countsColl, {})
  const known = new Map<string, { version: number; template: Template }>()

  const found = async (name: string): Promise<Stored<TemplateDoc>> => {
    const stored = isTemplateName(name) ? await store.get<TemplateDoc>(coll, name) : null
    if (!stored) throw new LoomError('PROV_NO_TEMPLATE', JSON.stringify(String(name).slice(0, 80)))
    return stored
  }
  const compiled = ({ id, doc, version }: Stored<TemplateDoc>): Template => {
    const there = known.get(id)
    if (there?.version === version) return there.template
    const template = readTemplate(doc.body)
    known.set(id, { version, template })
    return template
  }
  const usedOf = (name: string) => store.get<{ used: number }>(countsColl, name)
  const viewOf = async (stored: Stored<TemplateDoc>): Promise<TemplateView> => {
    const used = (await usedOf(stored.id))?.doc.used ?? 0
    return { name: stored.id, ...stored.doc, used, warnings: [...compiled(stored).warnings], etag: String(stored.version) }
  }
  const write = async (name: string, main: Write, { by, also = [] }: TemplateWriting): Promise<number> => {
    try {
      const [version = 0] = await store.tx([main, ...also], by === undefined ? {} : { by })
      return version
    } catch (error) {
      if (!isConflict(error)) throw error
      throw new LoomError(main.version === 'new' ? 'PROV_EXISTS' : 'PROV_CONFLICT', `template "${name}"`, { cause: error })
    } finally {
      known.delete(name)
    }
  }
  const current = async (name: string, etag: string | undefined): Promise<Stored<TemplateDoc>> => {
    const stored = await found(name)
    if (etag === undefined || etag === String(stored.version)) return stored
    throw new LoomError('PROV_CONFLICT', `template "${name}"`, { hint: 'read it again' })
  }

  return {
    async create(name, settings, writing = {}) {
      if (!isTemplateName(name))
        throw new LoomError('PROV_INVALID', `template name ${JSON.stringify(String(name).slice(0, 80))}`, {
          hint: 'it has 1 to 36 of 0-9 A-Z a-z _ -',
        })
      const checked = checkSettings(settings)
      if ((await store.count(coll)) >= mostTemplates) throw new LoomError('PROV_LIMIT', `${mostTemplates} templates`)
      const doc: TemplateDoc = { ...checked, createdAt: now(), updatedAt: now() }
      const version = await write(name, { op: 'put', coll, id: name, doc, version: 'new' }, writing)
      return viewOf({ id: name, doc, version })
    },
    async get(name) {
      const stored = isTemplateName(name) ? await store.get<TemplateDoc>(coll, name) : null
      return stored ? viewOf(stored) : undefined
    },
    async list({ limit = pageLimit, cursor } = {}) {
      const page = await store.query<TemplateDoc>(coll, {
        limit: Math.min(limit, pageLimit),
        ...(cursor !== undefined && { cursor }),
      })
      const items = await Promise.all(page.items.map(viewOf))
      return { items, ...(page.next !== undefined && { next: page.next }) }
    },
    async update(name, changes, writing = {}) {
      const stored = await current(name, writing.etag)
      const { createdAt, updatedAt: _, ...before } = stored.doc
      const merged = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null && value !== undefined)
      const doc: TemplateDoc = { ...checkSettings(Object.fromEntries(merged)), createdAt, updatedAt: now() }
      const version = await write(name, { op: 'put', coll, id: name, doc, version: stored.version }, writing)
      return viewOf({ id: name, doc, version })
    },
    async delete(name, writing = {}) {
      const { version } = await current(name, writing.etag)
      const count: Write = { op: 'delete', coll: countsColl, id: name }
      await write(name, { op: 'delete', coll, id: name, version }, { ...writing, also: [count, ...(writing.also ?? [])] })
    },
    async find(name) {
      const stored = await found(name)
      const view = await viewOf(stored)
      return {
        view,
        template: compiled(stored),
        async spend() {
          const count = await usedOf(name)
          const used = (count?.doc.used ?? 0) + 1
          if (view.quota !== undefined && used > view.quota)
            throw new LoomError('PROV_QUOTA', `template "${name}", ${view.quota} devices`)
          return [{ op: 'put', coll: countsColl, id: name, doc: { used }, version: count?.version ?? 'new' }]
        },
      }
    },
  }
}
