import type { AdminApi } from '../admin-api.ts'
import type { Page } from '../policy-view.ts'
import { fill, freshId, make } from './elements.ts'

const most = 20
const pauseMs = 200

/** Offers ids that begin as the input does, in the browser's own list. `ask` may fail: then nothing is offered. */
export function suggest(input: HTMLInputElement, ask: (typed: string) => Promise<string[]>): HTMLDataListElement {
  const list = make('datalist', { attributes: { id: freshId() } })
  input.setAttribute('list', list.id)
  let timer: ReturnType<typeof setTimeout> | undefined
  let last: string | undefined
  const refresh = async (): Promise<void> => {
    const typed = input.value.trim()
    if (typed === last) return
    last = typed
    const found = await ask(typed).catch(() => [])
    if (typed === last) fill(list, ...found.map(value => make('option', { attributes: { value } })))
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(refresh, pauseMs)
  }
  input.addEventListener('focus', soon)
  input.addEventListener('input', soon)
  return list
}

const ids = ({ items }: Page<{ id: string }>): string[] => items.map(({ id }) => id)

export const deviceIds =
  (api: AdminApi) =>
  async (typed: string): Promise<string[]> =>
    ids(await api.get(['devices'], { limit: most, query: /\s/.test(typed) || !typed ? undefined : `id:${typed}` }))

export const groupIds =
  (api: AdminApi) =>
  async (typed: string): Promise<string[]> =>
    ids(await api.get(['groups'], { limit: most, prefix: typed || undefined }))
