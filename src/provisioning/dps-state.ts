/** How far a device's way to an identity has come. */
export type ProvisioningState = 'UNKNOWN' | 'CLAIM_VERIFIED' | 'PENDING_APPROVAL' | 'DENIED' | 'ISSUED' | 'ACTIVE'

/** Where a registration may go next. A repeated one begins again from what the last left. */
const next: Readonly<Record<ProvisioningState, readonly ProvisioningState[]>> = {
  UNKNOWN: ['CLAIM_VERIFIED'],
  CLAIM_VERIFIED: ['PENDING_APPROVAL', 'DENIED', 'ISSUED'],
  PENDING_APPROVAL: ['DENIED', 'ISSUED'],
  DENIED: ['CLAIM_VERIFIED'],
  ISSUED: ['ACTIVE'],
  ACTIVE: ['CLAIM_VERIFIED'],
}

/** The state itself, if it may follow; a step that is not in the table is a defect: TypeError. */
export function advanced(from: ProvisioningState, to: ProvisioningState): ProvisioningState {
  if (!next[from].includes(to)) throw new TypeError(`no step from ${from} to ${to}`)
  return to
}
