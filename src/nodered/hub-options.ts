import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { HubOptions } from '../hub/hub.ts'

/** The hub node's fields as a flow file holds them: everything may be missing or wrong. */
export interface HubFields {
  name?: string
  hubId?: string
  dataDir?: string
  store?: string
  broker?: string
  host?: string
  listeners?: { kind?: string; host?: string; port?: number | string; allowPlaintext?: boolean }[]
  hubNames?: string
  publicHost?: string
  allowAnonymous?: boolean
  mainShadow?: string
  commandTopic?: string
  limits?: Record<string, unknown>
}

/** Words of a text field, parted by blanks or commas. */
export const wordsOf = (text: string | undefined): string[] => (text ?? '').split(/[\s,]+/).filter(Boolean)

const numberOf = (port: number | string | undefined): number => (port === '' || port === undefined ? Number.NaN : Number(port))

/** Empty inputs mean the hub's own default. */
const limitsOf = (limits: Record<string, unknown>): object =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== '' && value !== null && value !== undefined))

/** What a hub starts with; the hub itself judges it. */
export function hubOptionsOf(fields: HubFields, o: { key?: string | undefined; userDir?: string | undefined }): HubOptions {
  const { hubId = '', store = 'sqlite', broker = 'embedded', publicHost, mainShadow, commandTopic } = fields
  const home = o.userDir ?? join(homedir(), '.node-red')
  const hubNames = wordsOf(fields.hubNames)
  const listeners = (fields.listeners ?? []).map(({ kind, host, port, allowPlaintext }) => ({
    kind,
    host: host || fields.host || '127.0.0.1',
    port: numberOf(port),
    ...(allowPlaintext && { allowPlaintext }),
  }))
  return {
    hubId,
    name: fields.name || hubId,
    dataDir: fields.dataDir ? resolve(home, fields.dataDir) : join(home, 'thingloom', hubId),
    store: store as HubOptions['store'],
    broker: broker as HubOptions['broker'],
    listeners: broker === 'none' ? [] : (listeners as HubOptions['listeners']),
    ...(hubNames.length > 0 && { hubNames }),
    ...(publicHost && { publicHost }),
    ...(mainShadow && { mainShadow }),
    ...(commandTopic && { commandTopic }),
    ...(fields.allowAnonymous && { allowAnonymous: true }),
    ...(fields.limits && { limits: limitsOf(fields.limits) as NonNullable<HubOptions['limits']> }),
    ...(o.key && { key: o.key }),
  }
}
