/** Space of topics of the payload form B (Sparkplug 3, 4). */
export const sparkplugSpace = 'spBv1.0'

export const sparkplugKinds = ['NBIRTH', 'NDEATH', 'NDATA', 'NCMD', 'DBIRTH', 'DDEATH', 'DDATA', 'DCMD'] as const

export type SparkplugKind = (typeof sparkplugKinds)[number]

export interface EdgeName {
  group: string
  edge: string
}

export interface SparkplugTopic extends EdgeName {
  kind: SparkplugKind
  /** of the kinds that begin with D, and of no other */
  device?: string
}

const known: ReadonlySet<string> = new Set(sparkplugKinds)

/** Undefined for what is no topic of an edge or its devices. */
export function readSparkplugTopic(topic: string): SparkplugTopic | undefined {
  const [space, group, kind = '', edge, device, ...more] = topic.split('/')
  if (space !== sparkplugSpace || !group || !edge || !known.has(kind) || more.length || /[+#]/.test(topic)) return undefined
  if (kind.startsWith('D') ? !device : device !== undefined) return undefined
  return { group, kind: kind as SparkplugKind, edge, ...(device !== undefined && { device }) }
}

export const sparkplugTopic = ({ group, kind, edge, device }: SparkplugTopic): string =>
  [sparkplugSpace, group, kind, edge, ...(device === undefined ? [] : [device])].join('/')

/** The host that a topic tells the state of; version 2 had it outside of the space. */
export function readHostTopic(topic: string): string | undefined {
  const [, host] = /^(?:spBv1\.0\/)?STATE\/([^/+#]+)$/.exec(topic) ?? []
  return host
}

export const hostTopic = (host: string): string => `${sparkplugSpace}/STATE/${host}`

/** What a host retains there (Sparkplug 3, 6.4.24), and as its will with `online` false and the same time. */
export const hostState = (o: { online: boolean; timestamp: number }): string =>
  JSON.stringify({ online: o.online, timestamp: o.timestamp })
