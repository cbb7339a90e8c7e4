import { withoutSecrets } from '../errors.ts'
import type { Deed } from './audit-trail.ts'
import type { HubEvent } from './hub.ts'

const maxText = 128
const maxMessage = 300

type Security = Extract<HubEvent, { type: 'security' }>

/** An event as others may see it: strangers put keys in the place of client ids, names and topics. */
export const shownRefusal = (event: Security): Security => ({
  ...event,
  message: withoutSecrets(event.message),
  ...(event.device !== undefined && { device: withoutSecrets(event.device) }),
})

/**
 * How the audit log counts and names a refusal: the same code for the same device from the same address is the same again. Texts are cut, as strangers
 * choose them. The kind begins with the address, or with the device where there is none, up to the first `|`.
 */
export function refusalOf(event: Security): [kind: string, deed: Deed] {
  const [code, device, address] = [event.code, event.device, event.address].map(text => text?.slice(0, maxText))
  const message = event.message.slice(0, maxMessage)
  const from = `address ${address ?? 'unknown'}`
  // Until it has proved who it is, a device is only what somebody says.
  const unproved = /^(CRED|IDENTITY|CLIENT_ID|BROKER|PROV)_/.test(event.code) && address !== undefined
  const by = device && !unproved ? `device ${device}` : from
  const target = device ?? address ?? 'hub'
  const kind = `${address === undefined ? by : from}|${code}|${target}`
  return [kind, { by, action: 'security.refused', target, detail: { code, message, address } }]
}
