/** A request of a thing's own tree or of provisioning, by its domain name; `name`: shadow, job, stream or template. */
export interface AwsRequest {
  operation: string
  name?: string
}

const SHADOW = /^[$A-Za-z0-9:_-]{1,64}$/
const JOB = /^[A-Za-z0-9_-]{1,64}$/
const STREAM = /^[A-Za-z0-9_-]{1,128}$/
const TEMPLATE = /^[A-Za-z0-9_-]{1,36}$/

const shadowOperations: Readonly<Record<string, string>> = { get: 'twin.get', update: 'twin.update', delete: 'twin.delete' }
const formats: ReadonlySet<string> = new Set(['json', 'cbor'])
const provisioning: ReadonlyMap<string, string> = new Map([
  ['create', 'provisioning.createCertificate'],
  ['create-from-csr', 'provisioning.signCertificate'],
])

/** `levels`: what follows the thing's name. Undefined: a device may not publish this. */
export function thingRequest([service, ...levels]: readonly string[]): AwsRequest | undefined {
  if (service === 'shadow') return shadowRequest(levels)
  if (service === 'jobs') return jobRequest(levels)
  return service === 'streams' ? streamRequest(levels) : undefined
}

function shadowRequest(levels: readonly string[]): AwsRequest | undefined {
  const named = levels[0] === 'name' && levels.length === 3
  const name = named ? levels[1] : undefined
  if (named ? !SHADOW.test(name ?? '') : levels.length !== 1) return undefined
  const verb = levels.at(-1) ?? ''
  if (!Object.hasOwn(shadowOperations, verb)) return undefined
  return { operation: shadowOperations[verb]!, ...(name !== undefined && { name }) }
}

function jobRequest([first = '', verb, ...more]: readonly string[]): AwsRequest | undefined {
  if (more.length > 0) return undefined
  if (verb === undefined) {
    if (first === 'get') return { operation: 'jobs.list' }
    return first === 'start-next' ? { operation: 'jobs.startNext' } : undefined
  }
  if (verb === 'get' && (first === '$next' || JOB.test(first))) return { operation: 'jobs.describe', name: first }
  return verb === 'update' && JOB.test(first) ? { operation: 'jobs.update', name: first } : undefined
}

function streamRequest([name = '', verb, format = '', ...more]: readonly string[]): AwsRequest | undefined {
  if (more.length > 0 || !STREAM.test(name) || !formats.has(format)) return undefined
  return verb === 'describe' || verb === 'get' ? { operation: `streams.${verb}`, name } : undefined
}

/** `$aws/certificates/{verb}/{format}`. */
export function certificateRequest([verb = '', format = '', ...more]: readonly string[]): AwsRequest | undefined {
  const operation = provisioning.get(verb)
  return operation && formats.has(format) && more.length === 0 ? { operation } : undefined
}

/** `$aws/provisioning-templates/{template}/provision/{format}`. */
export function templateRequest([name = '', verb, format = '', ...more]: readonly string[]): AwsRequest | undefined {
  if (verb !== 'provision' || !formats.has(format) || more.length > 0 || !TEMPLATE.test(name)) return undefined
  return { operation: 'provisioning.provision', name }
}
