import { connectAsync, type MqttClient } from 'mqtt'
import { LoomError } from '../errors.ts'
import { type Ask, ask } from './ask.ts'
import type { Certificates, EnrolRequest } from './credentials.ts'
import { letIn, type Signed, signedBy } from './fleet-provisioning-client.ts'
import type { Endpoint } from './link.ts'
import { withPauses } from './patience.ts'

/** A claim certificate that the whole fleet shares, and the template it comes by. */
export interface FleetClaim {
  certificatePem: string
  privateKeyPem: string
  template: string
}

/** A token is good for an hour; a refusal leaves it usable. */
const tokenMs = 3_300_000

/** From a message: `{certificatePem, privateKeyPem, template}`, or `templates`, of which the first counts. SIMULATOR_CONFIG_INVALID. */
export function checkedClaim(value: unknown): FleetClaim {
  const {
    certificatePem,
    privateKeyPem,
    templates,
    template = Array.isArray(templates) ? templates[0] : undefined,
  } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (typeof certificatePem === 'string' && typeof privateKeyPem === 'string' && typeof template === 'string')
    return { certificatePem, privateKeyPem, template }
  throw new LoomError('SIMULATOR_CONFIG_INVALID', 'claim', { hint: 'it is {certificatePem, privateKeyPem, template}' })
}

/**
 * Lets devices come as those that nobody configured do: AWS fleet provisioning with the claim, the device's id as `SerialNumber`. The template must yield that id as the
 * name. PROV_DENIED with the hub's reason, PROV_PENDING while a person must decide: at once for a while for who was told so, and asked again for the same key with the
 * certificate it was about; SIMULATOR_CONFIG_INVALID, HUB_TIMEOUT.
 */
export function enrolByClaim(o: { endpoint: () => Promise<Endpoint>; claim: FleetClaim; now: () => number }) {
  const { claim, now } = o
  const undecided = new Map<string, Signed & { csrPem: string; until: number }>()

  const enrol = async ({ id, csrPem }: EnrolRequest): Promise<Certificates> => {
    const client = await connected(await o.endpoint(), id, claim)
    const asks: Ask = (topic, request) => ask(client, topic, request)
    try {
      const known = undecided.get(id)
      const signed = known?.csrPem === csrPem && now() < known.until ? known : await signedBy(asks, csrPem)
      if (signed !== known) undecided.set(id, { ...signed, csrPem, until: now() + tokenMs })
      await letIn(asks, { id, template: claim.template, token: signed.token })
      undecided.delete(id)
      return { certificatePem: signed.certificatePem }
    } finally {
      await client.endAsync(true)
    }
  }
  return withPauses(enrol, now)
}

function connected(
  { host, port, caPem }: Endpoint,
  id: string,
  { certificatePem, privateKeyPem }: FleetClaim,
): Promise<MqttClient> {
  return connectAsync({
    protocol: 'mqtts',
    host,
    port,
    ca: caPem,
    cert: certificatePem,
    key: privateKeyPem,
    clientId: `claim-${id}`,
    protocolVersion: 4,
    clean: true,
    connectTimeout: 20_000,
    reconnectPeriod: 0,
  })
}
