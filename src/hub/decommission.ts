import type { CredentialView } from '../identity/credential-types.ts'
import type { IdentityView } from '../identity/registry.ts'

export type TelemetryFate = 'keep' | 'erase'

/** What a retirement consists of, in order. `revoke` and `leave` are one transaction, with the record of them all. */
export const decommissionSteps = [
  'revoke',
  'leave',
  'tell',
  'disconnect',
  'purge',
  'forget',
  'archive',
  'values',
  'telemetry',
] as const
export type DecommissionStep = (typeof decommissionSteps)[number]

export interface StepReport {
  step: DecommissionStep
  /** epoch ms */
  at: number
  /** `none`: there was nothing to do; `kept`: as was asked; `unanswered`: told, and it did not acknowledge it */
  result: 'done' | 'none' | 'kept' | 'unanswered'
  /** credentials, memberships, acknowledgements, connections, registrations, documents, readings (of the run that ended it) */
  count?: number
}

/** What a retired device was, and what became of it. Without secrets. */
export interface Decommission {
  device: string
  /** of the device that was retired: one that is registered under the id again has another */
  generation: string
  /** epoch ms */
  at: number
  by: string
  reason?: string
  telemetry: TelemetryFate
  steps: StepReport[]
  done: boolean
  /** Of erased telemetry: until then (epoch ms) the journal has what the device sent, longer where a reader or a pin holds it. */
  journalUntil?: number
  was: {
    createdAt: number
    state: IdentityView['state']
    enabled: boolean
    enrolmentId?: string
    credentials: CredentialView[]
    groups: string[]
    policies: string[]
  }
}

/** With the archived documents. */
export interface DecommissionReport extends Omit<Decommission, 'was'> {
  archive: Decommission['was'] & {
    tags?: Record<string, unknown>
    attributes?: Record<string, string>
    /** by name, `''` for the main one */
    twins?: Record<string, { desired: Record<string, unknown>; reported: Record<string, unknown>; tags: Record<string, unknown> }>
  }
}

export function newDecommission(o: {
  identity: IdentityView
  memberships: { groups: string[]; policies: string[] }
  telemetry: TelemetryFate
  reason: string | undefined
  by: string
  at: number
  journalKeepMs: number
}): Decommission {
  const { identity, memberships, telemetry, reason, by, at } = o
  const { id, generation, createdAt, state, enabled, enrolmentId, credentials } = identity
  const revoked = credentials.filter(({ status }) => status !== 'revoked').length
  const left = memberships.groups.length + memberships.policies.length
  return {
    device: id,
    generation,
    at,
    by,
    ...(reason !== undefined && { reason }),
    telemetry,
    steps: [counted('revoke', at, revoked), counted('leave', at, left)],
    done: false,
    ...(telemetry === 'erase' && { journalUntil: at + o.journalKeepMs }),
    was: { createdAt, state, enabled, ...(enrolmentId !== undefined && { enrolmentId }), credentials, ...memberships },
  }
}

export const counted = (step: DecommissionStep, at: number, count: number): StepReport =>
  count ? { step, at, result: 'done', count } : { step, at, result: 'none' }

/** The first step that is not done yet. */
export const nextStep = ({ steps }: Decommission): DecommissionStep | undefined =>
  decommissionSteps.find(name => !steps.some(({ step }) => step === name))

export function withStep(before: Decommission, report: StepReport): Decommission {
  const after = { ...before, steps: [...before.steps, report] }
  return { ...after, done: nextStep(after) === undefined }
}

/** Telemetry that was kept is to be erased after all. */
export const withErasure = (before: Decommission, at: number, journalKeepMs: number): Decommission => ({
  ...before,
  telemetry: 'erase',
  journalUntil: at + journalKeepMs,
  steps: before.steps.filter(({ step }) => step !== 'telemetry'),
  done: false,
})
