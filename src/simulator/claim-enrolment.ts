import { connectAsync, type MqttClient } from 'mqtt'
import { createFromCsrTopic, provisionTopic } from '../dialects/aws/fleet-topics.ts'
import { LoomError } from '../errors.ts'
import type { Enrol } from './credentials.ts'
import type { Endpoint } from './link.ts'

/** A claim certificate that the whole fleet shares, and the template it comes by. */
export interface FleetClaim {
  certificatePem: string
  privateKeyPem: string
  template: string
}

type Answer = Record<string, unknown>

const answerLimitMs = 30_000
/** A refused device asks again after this, and each time after twice as long: a claim is disabled when too much is refused. */
const firstPauseMs = 60_000
const longestPauseMs = 3_600_000

/** From a message: `{certificatePem, privateKeyPem, template}`, or `templates`, of which the first counts. SIMULATOR_CONFIG_INVALID. */
export function checkedClaim(value: unknown): FleetClaim {
  const {
    certificatePem,
    privateKeyPem,
    templates,
    template = Array.isArray(templates) ? templates[0] : undefined,
  } = (typeof value === 'object' && value !== null ? value : {}) as Answer
  if (typeof certificatePem === 'string' && typeof privateKeyPem === 'string' && typeof template === 'string')
    return { certificatePem, privateKeyPem, template }
  throw new LoomError('SIMULATOR_CONFIG_INVALID', 'claim', { hint: 'it is {certificatePem, privateKeyPem, template}' })
}

/**
 * Lets devices come as those that nobody configured do: AWS fleet provisioning with the claim, the device's id as `SerialNumber`. The template must yield that id as the
 * name. PROV_DENIED with the hub's reason, at once for a while for who was refused; SIMULATOR_CONFIG_INVALID, HUB_TIMEOUT.
 */
export function enrolByClaim(o: { endpoint: () => Promise<Endpoint>; claim: FleetClaim; now: () => number }): Enrol {
  const { claim, now } = o
  const refused = new Map<string, { until: number; pauseMs: number; error: LoomError }>()

  const provisioned = async (client: MqttClient, id: string, csrPem: string): Promise<{ certificatePem: string }> => {
    const made = await ask(client, createFromCsrTopic, { certificateSigningRequest: csrPem })
    const { certificatePem, certificateOwnershipToken } = made
    const parameters = { SerialNumber: id }
    const { thingName } = await ask(client, provisionTopic(claim.template), { certificateOwnershipToken, parameters })
    if (thingName !== id)
      throw new LoomError('SIMULATOR_CONFIG_INVALID', `template "${claim.template}" names ${id} ${String(thingName)}`, {
        hint: 'its ThingName must be the parameter SerialNumber',
      })
    return { certificatePem: certificatePem as string }
  }

  return async ({ id, csrPem }) => {
    const before = refused.get(id)
    if (before && now() < before.until) throw before.error
    const client = await connected(await o.endpoint(), id, claim)
    try {
      const certificate = await provisioned(client, id, csrPem)
      refused.delete(id)
      return certificate
    } catch (thrown) {
      const error = LoomError.from(thrown)
      if (error instanceof LoomError && error.code === 'PROV_DENIED') {
        const pauseMs = before ? Math.min(2 * before.pauseMs, longestPauseMs) : firstPauseMs
        refused.set(id, { until: now() + pauseMs, pauseMs, error })
      }
      throw error
    } finally {
      await client.endAsync(true)
    }
  }
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

async function ask(client: MqttClient, topic: string, request: object): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const take = (name: string, payload: Buffer): void => {
    if (!name.startsWith(`${topic}/`)) return
    const answer = JSON.parse(payload.toString()) as Answer
    if (name.endsWith('/accepted')) resolve(answer)
    else reject(new LoomError('PROV_DENIED', `${String(answer.errorCode)}, ${String(answer.errorMessage)}`))
  }
  const gone = (): void => reject(new LoomError('HUB_DOWN', 'the connection of the claim was lost'))
  const limit = setTimeout(() => reject(new LoomError('HUB_TIMEOUT', `provisioning, ${answerLimitMs} ms`)), answerLimitMs)
  client.on('message', take).on('close', gone)
  try {
    await client.subscribeAsync([`${topic}/accepted`, `${topic}/rejected`], { qos: 1 })
    await client.publishAsync(topic, JSON.stringify(request), { qos: 1 })
    return await promise
  } finally {
    clearTimeout(limit)
    client.off('message', take).off('close', gone)
  }
}
