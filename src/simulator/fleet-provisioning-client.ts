import { createFromCsrTopic, provisionTopic } from '../dialects/aws/fleet-topics.ts'
import { LoomError } from '../errors.ts'
import type { Ask } from './ask.ts'

/** A certificate that is not in use yet, and the token that makes it the device's. */
export interface Signed {
  certificatePem: string
  token: string
}

/** AWS fleet provisioning as a device does it, its first half. PROV_DENIED and what the connection ends with. */
export async function signedBy(ask: Ask, csrPem: string): Promise<Signed> {
  const { certificatePem, certificateOwnershipToken } = await ask(createFromCsrTopic, { certificateSigningRequest: csrPem })
  return { certificatePem: certificatePem as string, token: certificateOwnershipToken as string }
}

/** Its second half, the device's id as `SerialNumber`. PROV_DENIED, PROV_PENDING; SIMULATOR_CONFIG_INVALID if the template names the device otherwise. */
export async function letIn(ask: Ask, o: { id: string; template: string; token: string }): Promise<void> {
  const { id, template, token } = o
  const request = { certificateOwnershipToken: token, parameters: { SerialNumber: id } }
  const { thingName } = await ask(provisionTopic(template), request)
  if (thingName === id) return
  throw new LoomError('SIMULATOR_CONFIG_INVALID', `template "${template}" names ${id} ${String(thingName)}`, {
    hint: 'its ThingName must be the parameter SerialNumber',
  })
}
