export const type = 'loom-hub'

/** The kinds of listeners with their usual ports. */
export const listenerPorts = { mqtt: 1883, mqtts: 8883, ws: 8083, wss: 8443, https: 8443, shared: 443 } as const
export type ListenerKind = keyof typeof listenerPorts

export interface ListenerField {
  kind: ListenerKind
  /** empty: the hub's host */
  host: string
  port: number
  allowPlaintext: boolean
}

export interface HubConfig {
  name: string
  /** slug; names the hub and its folder */
  hubId: string
  /** empty: `{userDir}/thingloom/{hubId}` */
  dataDir: string
  store: 'sqlite' | 'json' | 'memory'
  broker: 'embedded' | 'none'
  host: string
  listeners: ListenerField[]
  hubNames: string
  publicHost: string
  allowAnonymous: boolean
  /** empty: the classic shadow is the main twin */
  mainShadow: string
  /** empty: no further topic of methods */
  commandTopic: string
  limits: Record<string, number | string | boolean>
}

export interface HubCredentials {
  /** base64 of 32 bytes */
  key: string
}

/** Numbers that the dialog offers, with what it shows while the input is empty; an empty text: `hub.limitDefault` says it in words. */
export const offeredLimits = {
  payloadBytes: '262144 (256 KiB)',
  journalBytes: '',
  journalKeepMs: '86400000 (24 h)',
  connectsPerSecond: '200',
  connectsPerSecondPerAddress: '20',
} as const

/** The limits after the dialog: what it shows as it shows it, without what is the default; all others as they were. */
export function limitsAfter(before: HubConfig['limits'] | undefined, shown: HubConfig['limits']): HubConfig['limits'] {
  const { journalFull, storeTelemetry, ...others } = { ...before, ...shown }
  const kept = Object.entries(others).filter(([name, value]) => !(name in offeredLimits && value === ''))
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name, name in offeredLimits ? Number(value) : value])),
    ...(journalFull === 'drop' && { journalFull }),
    ...(storeTelemetry === false && { storeTelemetry }),
  }
}

export const validHubId = (id: string): boolean => /^[a-z0-9][a-z0-9-]{0,62}$/.test(id)

export const validPort = (port: unknown): boolean =>
  port !== '' && Number.isInteger(Number(port)) && Number(port) >= 0 && Number(port) <= 65_535

export function validListeners(listeners: Partial<ListenerField>[]): boolean {
  const places = listeners.filter(({ port }) => Number(port) !== 0).map(({ port, host }) => `${host ?? ''}:${port}`)
  const known = listeners.every(({ kind, port }) => Object.hasOwn(listenerPorts, kind ?? '') && validPort(port))
  return known && new Set(places).size === places.length
}

/** 32 bytes in base64, or nothing. The editor shows a stored secret as `__PWRD__`. */
export const validKey = (key: string | undefined): boolean => !key || key === '__PWRD__' || /^[A-Za-z0-9+/]{43}=$/.test(key)
