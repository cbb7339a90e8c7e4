import { LoomError } from '../errors.ts'
import type { Condition } from '../storage/state-store.ts'

interface Live {
  enabled: boolean
  connected: boolean
}

/**
 * The device filter of lists: terms joined by blanks, all of which must hold. `enabled:true`, `connected:false`, `tags.site:berlin`, `attributes.model:x`;
 * a word without colon, or `id:pump*`, is a prefix of the id. Throws STORE_QUERY_INVALID.
 */
export function parseDeviceQuery(query: string): { where: Condition[]; wanted: Partial<Live>; matches(live: Live): boolean } {
  const where: Condition[] = []
  const wanted: Partial<Live> = {}
  for (const term of query.split(/\s+/).filter(Boolean)) {
    const colon = term.indexOf(':')
    const [field, value] = colon < 0 ? ['id', term] : [term.slice(0, colon), term.slice(colon + 1)]
    if (field === 'enabled' || field === 'connected') {
      if (value !== 'true' && value !== 'false')
        throw new LoomError('STORE_QUERY_INVALID', `${term.slice(0, 100)}: true or false is expected`)
      wanted[field] = value === 'true'
    } else if (field === 'id') where.push(['id', 'prefix', value.replace(/\*$/, '')])
    else if (/^(tags|attributes)\.[^.\s]/.test(field)) where.push([field, '=', scalar(value)])
    else if (!/^(tags|attributes)(\.|$)/.test(field)) where.push(['id', 'prefix', term.replace(/\*$/, '')])
    else
      throw new LoomError('STORE_QUERY_INVALID', term.slice(0, 100), {
        hint: 'use id:, enabled:, connected:, tags.x: or attributes.x:',
      })
  }
  return {
    where,
    wanted,
    matches: live => (wanted.enabled ?? live.enabled) === live.enabled && (wanted.connected ?? live.connected) === live.connected,
  }
}

const scalar = (text: string): string | number | boolean =>
  text === 'true' || text === 'false' ? text === 'true' : text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
