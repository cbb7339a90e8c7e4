import { LoomError } from '../errors.ts'
import type { IdentityOutcome } from '../identity/registry-port.ts'
import type { BulkResult, BulkWriter, BulkWriting } from '../provisioning/bulk-port.ts'
import type { Write } from '../storage/state-store.ts'
import { inAllTurns } from './all-turns.ts'
import { isGiven } from './bulk-credential.ts'
import { type BulkPlan, type BulkPlanParts, createBulkPlanner, settleAll } from './bulk-plan.ts'
import { devicesColl } from './devices.ts'
import type { HubEvent } from './hub.ts'
import type { Presence } from './presence.ts'
import type { InTurn } from './turns.ts'
import { twinDeletions } from './twin-news.ts'

/** As those of `createDevices`, with which they are shared. */
export interface BulkWriterParts extends BulkPlanParts {
  presence: Pick<Presence, 'forget'>
  emit(event: HubEvent): void
  inTurn: InTurn
  drop(deviceId: string): Promise<void>
  purge(deviceId: string): Promise<void>
  described(deviceId: string): void
  /** What was to follow a change that is written has failed. */
  failed(error: unknown): void
}

type Written = BulkResult & { secrets?: NonNullable<Extract<IdentityOutcome, { error?: undefined }>['secrets']> }

const chunk = 50
const maxTries = 3

/**
 * The registry side of imports, over the store of identities: `also` and the documents of operations belong there. Rows of devices that exist are merged into tags, attributes and desired
 * properties, replace groups and policies, and add a credential that they give and the device lacks.
 */
export function createBulkWriter(parts: BulkWriterParts): BulkWriter {
  const plansOf = createBulkPlanner(parts)
  return {
    write: (rows, o) =>
      inAllTurns(
        parts.inTurn,
        rows.map(({ id }) => id),
        async () => {
          for (let tries = 1; ; tries++)
            try {
              return await writeOnce(parts, await plansOf(rows, o), o)
            } catch (error) {
              // a device wrote to its own documents meanwhile
              if (!(error instanceof LoomError && error.code === 'STORE_VERSION_CONFLICT') || tries === maxTries) throw error
            }
        },
      ),
  }
}

async function writeOnce(parts: BulkWriterParts, plans: BulkPlan[], o: BulkWriting): Promise<Written[]> {
  const { by, dryRun } = o
  let written: BulkPlan[] = []
  const outcomes = new Map<string, IdentityOutcome>()
  try {
    const changes = plans.flatMap(({ change, error }) => (change && !error ? [change] : []))
    const list = await parts.registry.writeMany(changes, {
      by,
      dryRun,
      also: dryRun ? [] : o.also,
      pause: o.pause,
      // The identities come last, and with them `also`: after a crash before, the batch is begun again.
      async ready(ids) {
        const todo = plans.filter(({ row, change, error }) => !error && (!change || ids.has(row.id)))
        const writes = todo.flatMap(({ documents }) => documents)
        if (writes.length) await parts.state.tx(writes, { by })
        written = todo
      },
    })
    for (const outcome of list) outcomes.set(outcome.id, outcome)
  } catch (error) {
    // the first failure is the one to tell; what a dead store keeps of a batch is written again when that is begun again
    await takeBack(parts, written, by).catch(() => {})
    settleAll(plans, false)
    throw error
  }
  for (const plan of plans) {
    const refusal = outcomes.get(plan.row.id)?.error
    if (refusal) plan.error = refusal
  }
  settleAll(plans, !dryRun)
  if (!dryRun) {
    const refused = written.filter(({ error }) => error)
    await follow(parts, plans, refused, o).catch(error => parts.failed(error))
  }
  return plans.map(plan => resultOf(plan, outcomes.get(plan.row.id)))
}

function resultOf({ row: { row, id, credential }, result, error }: BulkPlan, outcome: IdentityOutcome | undefined): Written {
  if (error) return { row, id, result: 'failed', code: error.code, message: error.message }
  const secrets = outcome && !outcome.error && credential && !isGiven(credential) ? outcome.secrets : undefined
  return { row, id, result, ...(secrets && { secrets }) }
}

async function takeBack({ state, audit }: BulkWriterParts, plans: readonly BulkPlan[], by: string): Promise<void> {
  const writes = plans.flatMap(({ row, result, undo }): Write[] => {
    if (!undo.length || result !== 'updated') return undo
    return [...undo, audit('state', { by, action: 'device.restore', target: row.id })]
  })
  if (writes.length) await state.tx(writes, { by })
}

/** What others have to know or do about changes that are written. */
async function follow(
  parts: BulkWriterParts,
  plans: readonly BulkPlan[],
  refused: readonly BulkPlan[],
  { op, by, pause }: BulkWriting,
): Promise<void> {
  await takeBack(parts, refused, by)
  for (let at = 0; at < plans.length; at += chunk) {
    await Promise.all(plans.slice(at, at + chunk).map(plan => followOne(parts, plan, by)))
    await pause()
  }
  if (op !== 'delete') return
  // what a device wrote before its connection was closed, and what a crash left of those that were gone
  const gone = plans.filter(({ error }) => !error).map(({ row }) => row.id)
  const left: Write[] = []
  for (let at = 0; at < gone.length; at += chunk) {
    const ids = gone.slice(at, at + chunk)
    left.push(...ids.map((id): Write => ({ op: 'delete', coll: devicesColl, id })))
    for (const writes of await Promise.all(ids.map(id => twinDeletions(parts.state, id)))) left.push(...writes)
  }
  await parts.state.tx(left, { by })
}

async function followOne(parts: BulkWriterParts, plan: BulkPlan, by: string): Promise<void> {
  const { row, result, error, change, described, twin } = plan
  const { id } = row
  if (error || result === 'unchanged' || result === 'failed') return
  if (result === 'deleted' || (change?.op === 'update' && change.enabled === false)) await parts.drop(id)
  if (result === 'deleted') {
    await parts.purge(id)
    await parts.presence.forget(id)
  }
  if (described) parts.described(id)
  if (twin) parts.twins.changed(twin.before, twin.after, by)
  parts.emit({ type: 'device', id, change: result, at: parts.now() })
}
