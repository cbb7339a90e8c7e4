import { type FleetPath, fleetLimits, limitFault, syntaxFault } from './ast.ts'

const sections = ['desired', 'reported'] as const
const leaves = new Set([
  'id',
  'model',
  'site',
  'state',
  'enabled',
  'status',
  'groups',
  'createdAt',
  'connectivity.connected',
  'connectivity.state',
  'connectivity.timestamp',
  'connectivity.disconnectReason',
  'cert.notAfter',
  'twin.hasDelta',
])
const known =
  'id, model, site, state, enabled, groups, createdAt, attributes.*, tags.*, twin.*, shadows.{name}.*, connectivity.*, cert.notAfter'

/** A path of our own names. QUERY_SYNTAX, QUERY_LIMIT. */
export function checkedPath(path: FleetPath, position: number | string): FleetPath {
  if (path.length > fleetLimits.pathNames) throw limitFault(`a name of more than ${fleetLimits.pathNames} parts`, position)
  for (const name of path) {
    if (!name) throw syntaxFault('a name has an empty part', position)
    if (name.length > fleetLimits.nameChars) throw limitFault(`a name longer than ${fleetLimits.nameChars} characters`, position)
  }
  if (!isField(path)) throw syntaxFault(`no field ${path.join('.').slice(0, 80)}`, position, `fields are ${known}`)
  return path
}

function isField([root, second, third]: FleetPath): boolean {
  if (root === 'attributes' || root === 'tags') return true
  if (root === 'shadows') return second === undefined || third === undefined || third === 'hasDelta' || isSection(third)
  if (root === 'twin' && (second === undefined || isSection(second))) return true
  return leaves.has([root, second, third].filter(name => name !== undefined).join('.'))
}

const isSection = (name: string | undefined): boolean => sections.some(section => section === name)

/** Names of AWS's fleet index. Its groups are no path: `thingGroupNames` is membership. */
export function pathOfAws(names: FleetPath): FleetPath {
  const [first, ...rest] = names
  if (first === 'thingName') return ['id', ...rest]
  if (first === 'thingTypeName') return ['model', ...rest]
  if (first === 'thingGroupNames') return ['groups', ...rest]
  if (first === 'shadow' && rest[0] === 'name') return ['shadows', ...rest.slice(1)]
  if (first === 'shadow') return ['twin', ...rest]
  return names
}

/** Names of Azure's twins. */
export function pathOfAzure(names: FleetPath): FleetPath {
  const [first, ...rest] = names
  if (first === 'deviceId') return ['id', ...rest]
  if (first === 'modelId') return ['model', ...rest]
  if (first === 'connectionState') return ['connectivity', 'state', ...rest]
  if (first === 'lastActivityTime') return ['connectivity', 'timestamp', ...rest]
  if (first === 'properties') return ['twin', ...rest]
  return names
}

/** Fields that are not in the document as they are asked for. */
const made: Readonly<Record<string, (doc: Record<string, any>) => unknown>> = {
  status: doc => (doc.enabled ? 'enabled' : 'disabled'),
  site: doc => doc.attributes.site,
  'connectivity.state': doc => (doc.connectivity.connected ? 'Connected' : 'Disconnected'),
}
const madeOf: Readonly<Record<string, FleetPath>> = {
  status: ['enabled'],
  site: ['attributes', 'site'],
  'connectivity.state': ['connectivity', 'connected'],
}

/** What the path says of a device; undefined: nothing. */
export function getterOf(path: FleetPath): (doc: object) => unknown {
  const key = path.join('.')
  const make = Object.hasOwn(made, key) ? made[key] : undefined
  if (make) return make
  return path.reduce<(doc: unknown) => unknown>(
    (above, name) => memberOf(above, name),
    doc => doc,
  )
}

/** A member of an object that it has itself; of a list none. What no object inherits is looked up faster. */
function memberOf(above: (doc: unknown) => unknown, name: string): (doc: unknown) => unknown {
  if (!(name in Array.prototype) && !/^\d/.test(name))
    return doc => {
      const value = above(doc)
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
    }
  return doc => {
    const value = above(doc)
    const has = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
    return has ? (value as Record<string, unknown>)[name] : undefined
  }
}

/** The stored path that a field is made of. */
export const sourceOf = (path: FleetPath): FleetPath => {
  const key = path.join('.')
  return (Object.hasOwn(madeOf, key) ? madeOf[key] : undefined) ?? path
}
