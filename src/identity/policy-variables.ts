import { type CertificateValues, certificateAttributes, certificateValues } from './policy-certificate.ts'

/** What is known of a connection (or of a principal that is only asked about). What is absent does not resolve. */
export interface AccessContext {
  deviceId?: string
  clientId?: string
  sourceIp?: string
  /** the name the client dialled (SNI), without one the address it reached */
  domainName?: string
  /** model or thing type */
  model?: string
  attributes?: Readonly<Record<string, string>>
  tags?: Readonly<Record<string, unknown>>
  site?: string
  gatewayId?: string
  /** DER of the certificate that was presented; read only if a policy asks for what stands in it */
  certificate?: Uint8Array
  /** What the CONNECT asks for. */
  connectAttributes?: readonly ('PersistentConnect' | 'LastWill')[]
}

/** One value, or several for a multivalued key. */
export type VariableValue = string | readonly string[]
export type Resolve = (name: string) => VariableValue | undefined

type Reader = (context: AccessContext, certificate: () => CertificateValues | undefined) => VariableValue | undefined

const fixed: Readonly<Record<string, Reader>> = {
  'iot:Connection.Thing.ThingName': ({ deviceId }) => deviceId,
  'iot:Connection.Thing.ThingTypeName': ({ model }) => model,
  'iot:Connection.Thing.IsAttached': ({ deviceId }) => String(deviceId !== undefined),
  'iot:ClientId': ({ clientId }) => clientId,
  'iot:SourceIp': ({ sourceIp }) => sourceIp,
  'aws:SourceIp': ({ sourceIp }) => sourceIp,
  'iot:DomainName': ({ domainName }) => domainName,
  'iot:ConnectAttributes': ({ connectAttributes }) => connectAttributes,
  'iot:Certificate.SerialNumber': (_, certificate) => certificate()?.serial,
  'device.id': ({ deviceId }) => deviceId,
  'device.model': ({ model }) => model,
  site: ({ site }) => site,
  'gateway.id': ({ gatewayId }) => gatewayId,
}
const byLowerCase = new Map(Object.entries(fixed).map(([name, read]) => [name.toLowerCase(), read]))

/** Keys of conditions only: they change while a session lives. */
const timeKeys: ReadonlySet<string> = new Set(['aws:currenttime', 'aws:epochtime', 'iot:currenttime', 'iot:epochtime'])
export const isTimeKey = (name: string): boolean => timeKeys.has(name.toLowerCase())

const attribute = /^iot:Connection\.Thing\.Attributes\[([^\]]{1,128})\]$/i
const tag = /^tag\.([A-Za-z0-9_.-]{1,128})$/
const ofCertificate = /^iot:Certificate\.(Subject|Issuer)\.([A-Za-z0-9.]+?)(\.List)?$/i

/** For messages: what there is. */
export const knownVariables =
  'iot:Connection.Thing.ThingName, .ThingTypeName, .Attributes[name], .IsAttached, iot:ClientId, iot:Certificate.Subject.CommonName and the like, ' +
  'iot:SourceIp, iot:DomainName, device.id, device.model, tag.name, site, gateway.id'

function readerOf(name: string): Reader | undefined {
  const known = byLowerCase.get(name.toLowerCase())
  if (known) return known
  const attributeName = attribute.exec(name)?.[1]
  if (attributeName !== undefined) return ({ attributes }) => ownOf(attributes, attributeName)
  const path = tag.exec(name)?.[1]
  if (path !== undefined) return ({ tags }) => scalarAt(tags, path.split('.'))
  const [, side, member = '', list] = ofCertificate.exec(name) ?? []
  if (side === undefined || !certificateAttributes.has(member.toLowerCase())) return undefined
  const key = `${side}.${member}`.toLowerCase()
  return (_, certificate) => {
    const values = certificate()?.names.get(key)
    return list ? values : values?.[0]
  }
}

export const isVariable = (name: string): boolean => readerOf(name) !== undefined

/** The values of one connection. A name is looked up as written: an attribute never stands for a member of the prototype. */
export function resolverOf(context: AccessContext): Resolve {
  let read: CertificateValues | undefined
  const certificate = () => (context.certificate ? (read ??= certificateValues(context.certificate)) : undefined)
  return name => readerOf(name)?.(context, certificate)
}

const ownOf = <T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  record && Object.hasOwn(record, name) ? record[name] : undefined

function scalarAt(value: unknown, path: readonly string[]): string | undefined {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = ownOf(at as Record<string, unknown>, name)
  }
  return typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean' ? String(at) : undefined
}
