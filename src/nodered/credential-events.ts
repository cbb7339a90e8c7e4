import type { Hub } from '../hub/hub.ts'
import type { CredentialEvent } from '../identity/rotation.ts'
import type { NewMsg } from './define.ts'

/** What a flow may have to act on; that a new credential was used is no more than good news. */
const told = new Set<CredentialEvent['event']>(['renewal-due', 'expiring', 'expired', 'superseded', 'dropped'])

/** Messages of what time brings to the credentials of `devices`, or of all if none are named. Returns what ends it. */
export function credentialEvents(hub: Hub, devices: readonly string[], send: (msg: NewMsg) => void): () => void {
  const watched = devices.length ? new Set(devices) : undefined
  return hub.subscribe(event => {
    if (event.type !== 'credential' || !told.has(event.event) || (watched && !watched.has(event.id))) return
    const { id: device, at: time, event: topic, cid, kind, notAfter, daysLeft } = event
    const payload = {
      event: topic,
      cid,
      kind,
      ...(notAfter !== undefined && { notAfter }),
      ...(daysLeft !== undefined && { daysLeft }),
    }
    send({ payload, device, time, topic })
  })
}
