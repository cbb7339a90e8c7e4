import { LoomError } from '../errors.ts'
import type { Condition } from '../storage/state-store.ts'

/** What must hold beside the conditions; absent: either. */
export interface WantedState {
  enabled?: boolean
  connected?: boolean
}

const terms = 'id:, enabled:, connected:, tags.{name}: and attributes.{name}:'

/**
 * The device filter of lists: terms joined by blanks, all of which must hold. `enabled:true`, `connected:false`, `tags.site:berlin`, `attributes.model:x`;
 * `id:pump*`, or a word without a colon, is a prefix of the id. Any other word with a colon is refused: a prefix with a colon is written with `id:`.
 * Throws STORE_QUERY_INVALID.
 */
export function parseDeviceQuery(query: string): { where: Condition[]; wanted: WantedState } {
  const where: Condition[] = []
  const wanted: WantedState = {}
  for (const term of query.split(/\s+/).filter(Boolean)) {
    const colon = term.indexOf(':')
    const [field, value] = colon < 0 ? ['id', term] : [term.slice(0, colon), term.slice(colon + 1)]
    if (field === 'enabled' || field === 'connected') {
      if (value !== 'true' && value !== 'false')
        throw new LoomError('STORE_QUERY_INVALID', `${term.slice(0, 100)}: true or false is expected`)
      wanted[field] = value === 'true'
    } else if (field === 'id') where.push(['id', 'prefix', value.replace(/\*$/, '')])
    else if (/^(tags|attributes)\.[^.\s]/.test(field)) where.push([field, '=', scalar(value)])
    else
      throw new LoomError('STORE_QUERY_INVALID', `unknown term ${term.slice(0, 100)}`, {
        hint: `terms are ${terms}; an id that has a colon is written id:${term.slice(0, 60)}`,
      })
  }
  return { where, wanted }
}

const scalar = (text: string): string | number | boolean =>
  text === 'true' || text === 'false' ? text === 'true' : text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
