import { type Credential, type Identity, revoked } from './identity.ts'

const dayMs = 86_400_000
/** how long the old credential goes on after the first use of the new one */
export const defaultOverlapMs = 7 * dayMs
/** a replacement that nobody used for so long is dropped, unless its device has nothing else of that kind */
export const unusedMs = 30 * dayMs
const warnDaysBefore = [30, 7, 1] as const

/** Something about a credential that people or flows should know. */
export interface CredentialEvent {
  id: string
  cid: string
  kind: Credential['kind']
  /**
   * `activated`: a replacement was used; `superseded`: its overlap is over, it is revoked; `dropped`: a replacement that was never used; `renewal-due`: two thirds of a certificate's life are
   * over; `expiring`, `expired`.
   */
  event: 'activated' | 'superseded' | 'dropped' | 'renewal-due' | 'expiring' | 'expired'
  /** epoch ms: end of the certificate */
  notAfter?: number
  /** whole days left */
  daysLeft?: number
}

/** Puts a new credential beside those it will replace; until its first use nothing changes for the device. */
export function withReplacement(doc: Identity, credential: Credential, overlapMs: number): Credential {
  const replaces = doc.credentials
    .filter(({ kind, status }) => kind === credential.kind && status === 'active')
    .map(({ cid }) => cid)
  return replaces.length ? { ...credential, status: 'pending', replaces, overlapMs } : credential
}

/** The first use of a replacement: it counts from now on, and what it replaces has the overlap left. */
export function activated(doc: Identity, cid: string, now: number): Identity {
  const fresh = doc.credentials.find(credential => credential.cid === cid)
  if (fresh?.status !== 'pending') return doc
  const { replaces = [], overlapMs = defaultOverlapMs } = fresh
  const old = new Set(replaces)
  const credentials = doc.credentials.map((credential): Credential => {
    if (credential.cid === cid) return counting(credential)
    if (!old.has(credential.cid) || credential.status !== 'active') return credential
    return { ...credential, retiresAt: Math.min(credential.retiresAt ?? Infinity, now + overlapMs) }
  })
  return { ...doc, credentials }
}

const counting = ({ replaces: _, overlapMs: __, ...credential }: Credential): Credential => ({ ...credential, status: 'active' })

/** Kinds of which nothing that was ever used still lets the device in when a replacement's time is up. */
const strandedKinds = ({ credentials }: Identity, now: number): ReadonlySet<Credential['kind']> => {
  const working = credentials.filter(
    one => one.status === 'active' && (one.retiresAt ?? Infinity) > now && (one.kind !== 'x509' || one.notAfter > now),
  )
  const due = credentials.filter(one => one.status === 'pending' && one.createdAt + unusedMs <= now)
  return new Set(due.map(({ kind }) => kind).filter(kind => !working.some(one => one.kind === kind)))
}

type Step = { at: number; daysLeft: number; event: 'renewal-due' | 'expiring' | 'expired' }

/** What is to be told about a certificate, in order of time; long lives are renewed at two thirds, and warned of before their end. */
function stepsOf(notBefore: number, notAfter: number): Step[] {
  const steps: Step[] = [{ at: notBefore + ((notAfter - notBefore) * 2) / 3, daysLeft: 0, event: 'renewal-due' }]
  for (const days of warnDaysBefore)
    if (notAfter - notBefore > 2 * days * dayMs) steps.push({ at: notAfter - days * dayMs, daysLeft: days, event: 'expiring' })
  steps.push({ at: notAfter, daysLeft: 0, event: 'expired' })
  return steps
    .map(step => ({ ...step, daysLeft: Math.max(0, Math.round((notAfter - step.at) / dayMs)) }))
    .sort((a, b) => a.at - b.at)
}

/**
 * Does what time has brought: revokes what was superseded, drops replacements that were never used, tells of certificates that end. `told` counts the steps
 * already told for a certificate; after a pause only the latest is told.
 */
export function settled(doc: Identity, now: number): { doc: Identity; events: CredentialEvent[] } {
  const events: CredentialEvent[] = []
  const tell = (credential: Credential, event: CredentialEvent['event'], more: Partial<CredentialEvent> = {}) =>
    void events.push({ id: doc.id, cid: credential.cid, kind: credential.kind, event, ...more })
  const told: Record<string, number> = { ...doc.warned }
  const stranded = strandedKinds(doc, now)
  const credentials = doc.credentials.map((credential): Credential => {
    // all of them: which one the device holds is not known
    if (credential.status === 'pending' && stranded.has(credential.kind)) return counting(credential)
    if (credential.status === 'active' && credential.retiresAt !== undefined && credential.retiresAt <= now) {
      tell(credential, 'superseded')
      return revoked(credential)
    }
    if (credential.status === 'pending' && credential.createdAt + unusedMs <= now) {
      tell(credential, 'dropped')
      return revoked(credential)
    }
    if (credential.kind === 'x509' && credential.status === 'active') {
      const { notBefore, notAfter } = credential
      const reached = stepsOf(notBefore, notAfter).filter(({ at }) => at <= now)
      const last = reached.at(-1)
      if (last && reached.length > (told[credential.cid] ?? 0)) {
        told[credential.cid] = reached.length
        tell(credential, last.event, { notAfter, daysLeft: last.daysLeft })
      }
    }
    return credential
  })
  return { doc: withDueAt({ ...doc, credentials, warned: told }), events }
}

/** Sets when the identity's credentials need a look again, and forgets warnings of credentials that are gone. */
export function withDueAt(doc: Identity): Identity {
  const { dueAt: _, warned = {}, ...rest } = doc
  const kept = Object.fromEntries(
    Object.entries(warned).filter(([cid]) => doc.credentials.some(one => one.cid === cid && one.status === 'active')),
  )
  let dueAt = Infinity
  for (const credential of doc.credentials) {
    if (credential.status === 'pending') dueAt = Math.min(dueAt, credential.createdAt + unusedMs)
    if (credential.status !== 'active') continue
    dueAt = Math.min(dueAt, credential.retiresAt ?? Infinity)
    if (credential.kind === 'x509')
      dueAt = Math.min(dueAt, stepsOf(credential.notBefore, credential.notAfter)[kept[credential.cid] ?? 0]?.at ?? Infinity)
  }
  return {
    ...rest,
    ...(Object.keys(kept).length > 0 && { warned: kept }),
    ...(dueAt < Infinity && { dueAt }),
  }
}
