import type { Deed } from './audit-trail.ts'
import type { HubEvent } from './hub.ts'

/** How the audit log counts and names a refusal: the same code for the same device from the same address is the same again. */
export function refusalOf({
  code,
  message,
  device,
  address,
}: Extract<HubEvent, { type: 'security' }>): [kind: string, deed: Deed] {
  const by = device ? `device ${device}` : `address ${address ?? 'unknown'}`
  const target = device ?? address ?? 'hub'
  return [`${code}|${target}|${address}`, { by, action: 'security.refused', target, detail: { code, message, address } }]
}
