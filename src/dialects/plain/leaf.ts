import type { Classified, FilterRuling } from '../dialect.ts'

const TREE = 'devices/'

/** The device whose tree a topic or filter names; undefined: none, or more than one. */
export function deviceIn(topic: string): string | undefined {
  if (!topic.startsWith(TREE)) return undefined
  const end = topic.indexOf('/', TREE.length)
  const device = end < 0 ? '' : topic.slice(TREE.length, end)
  return device && !/[+#]/.test(device) ? device : undefined
}

/** Of what a device may publish in its tree, what a gateway may for it. */
export const leafPublish = (found: Classified): Classified =>
  found.kind === 'telemetry' || (found.kind === 'request' && found.operation.startsWith('twin.'))
    ? found
    : { kind: 'denied', reason: 'a gateway sends telemetry and twin requests for its devices' }

/** Of what a device may hear in its tree, what a gateway may for it. */
export function leafFilter(ruling: FilterRuling): FilterRuling {
  if (ruling.kind !== 'granted') return { kind: 'denied', reason: 'nothing that a gateway hears for its devices' }
  const [feature, ...more] = (ruling.features ?? [ruling.feature]).filter(name => name.startsWith('twin.'))
  if (feature === undefined) return { kind: 'denied', reason: 'a gateway hears of twins of its devices' }
  return { kind: 'granted', feature, features: [feature, ...more] }
}
