import type { Verdict } from './policy-rules.ts'

/** What the table of reserved topics says: `granted` on the device's own tree, `denied` whatever a policy says, `ordinary` if it says nothing. */
export type TableRuling = 'granted' | 'denied' | 'ordinary'

/** Ordinary traffic and telemetry of a quarantined device is kept apart, not lost; its twin and jobs go on, so that it can be mended. */
export type QuarantineRuling = 'allow' | 'divert' | 'refuse'

const inQuarantine: Readonly<Record<string, QuarantineRuling>> = {
  connect: 'allow',
  // of a device behind a gateway
  presence: 'allow',
  twin: 'allow',
  jobs: 'allow',
  // a job brings its file by a stream
  streams: 'allow',
  // public, and the way to a hub that can mend it
  bootstrap: 'allow',
  retire: 'allow',
  telemetry: 'divert',
  ordinary: 'divert',
}

/** `feature`: the operation or feature of the dialect (`twin.get`, `jobs.update`), or `connect`, `telemetry`, `ordinary`. What is not named is refused. */
export function quarantineRuling(feature: string): QuarantineRuling {
  const area = feature.split('.', 1)[0]!
  return Object.hasOwn(inQuarantine, area) ? inQuarantine[area]! : 'refuse'
}

export const quarantineAllows = (feature: string): boolean => quarantineRuling(feature) === 'allow'

export interface AccessRuling {
  allow: boolean
  /** what settled it */
  because: 'table' | 'quarantine' | 'deny' | 'allow' | 'none'
  /** to the quarantine output instead of its usual way */
  divert?: true
}

/**
 * The order: what the table refuses no policy grants; quarantine; any Deny; then what the table grants needs no Allow unless `strict`; all else needs one.
 * `direction` tells quarantine's diversion from a subscription, which cannot be diverted.
 */
export function ruleAccess(o: {
  table: TableRuling
  verdict: Verdict
  feature: string
  direction: 'connect' | 'publish' | 'subscribe' | 'receive'
  quarantined?: boolean
  strict?: boolean
}): AccessRuling {
  const { table, verdict, feature, direction, quarantined = false, strict = false } = o
  if (table === 'denied') return { allow: false, because: 'table' }
  const quarantine = quarantined ? quarantineRuling(feature) : 'allow'
  if (quarantine === 'refuse' || (quarantine === 'divert' && direction !== 'publish'))
    return { allow: false, because: 'quarantine' }
  if (verdict === 'deny') return { allow: false, because: 'deny' }
  const allow = verdict === 'allow' || (table === 'granted' && !strict)
  const because = verdict === 'allow' ? 'allow' : table === 'granted' && !strict ? 'table' : 'none'
  return { allow, because, ...(allow && quarantine === 'divert' && { divert: true as const }) }
}
