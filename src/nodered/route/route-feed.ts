import type { ConsumerRules } from '../../hub/hub.ts'
import { type ConsumerSpec, type Delivered, flags, type Gap, kinds, type RecordKind } from '../../journal/journal-port.ts'
import type { ConditionSource } from '../../routing/rule-text.ts'
import { faultsOfRecord } from '../../telemetry/record.ts'
import type { Repeats } from '../../telemetry/repeats.ts'
import type { NewMsg } from '../define.ts'
import { Feed } from '../feed.ts'
import type { HubRef } from '../hubs.ts'
import type { Intake } from './intake.ts'
import { intakeOfRecords, intakeOfReplay } from './record-intake.ts'

interface Common {
  hub: HubRef
  take(intake: Intake): void
}

/** The records of one share, on their way through `Feed`. */
type Carrier = NewMsg & { records: Delivered[]; delivery?: unknown }

interface Opening extends Common {
  spec: Omit<ConsumerSpec, 'ack'>
  max: number
  intakeOf(carrier: Carrier): Intake
  gap?(gap: Gap): void
  repeats?: Repeats | undefined
}

const open = ({ hub, spec, max, take, intakeOf, gap, repeats }: Opening): Promise<Feed> =>
  Feed.open({
    hub,
    spec,
    repeats,
    ack: 'flow',
    max,
    messagesOf: all => {
      // What is no JSON is bytes to rules; what its device's model forbids is none of theirs
      const unreadable = (record: Delivered): boolean =>
        (record.flags & flags.erased) !== 0 || faultsOfRecord(record) !== undefined
      const records = all.filter(record => !unreadable(record))
      const done = all.filter(unreadable).map(({ seq }) => seq)
      const carrier: Carrier = { records }
      return {
        shares: records.length > 0 ? [{ seqs: records.map(({ seq }) => seq), messages: [carrier] }] : [],
        notices: [],
        done,
      }
    },
    gapOf: which => gap?.(which),
    emit: result => {
      const [carriers = []] = (result ?? []) as Carrier[][]
      for (const carrier of carriers) take(intakeOf(carrier))
    },
  })

interface JournalFeed extends Common {
  spec: Omit<ConsumerSpec, 'ack'>
  /** Records in one message, at most. */
  max: number
  ack: Intake['ack']
  rules: ConsumerRules | undefined
  repeats: Repeats | undefined
  gap(gap: Gap): void
}

/** What devices send, by the journal; with rules, what none of them can want stays in the hub. */
export const openJournalFeed = ({ spec, ack, rules, ...rest }: JournalFeed): Promise<Feed> =>
  open({
    ...rest,
    spec: { ...spec, ...(rules && { rules }) },
    intakeOf: ({ records, delivery }) => intakeOfRecords(records, rest.max > 1, { hubName: rest.hub.hubId, delivery, ack }),
  })

/** Nothing but dead letters of the node that come back. */
export const openReplayFeed = ({ name, ...common }: Common & { name: string }): Promise<Feed> =>
  open({
    ...common,
    spec: { name, filter: { only: 'replays' }, window: 64 },
    max: 1,
    intakeOf: ({ records: [record], delivery }) => intakeOfReplay(record!, delivery),
  })

/** Records that may hold what these conditions look at. */
export function kindsFor(sources: ReadonlySet<ConditionSource>): RecordKind[] {
  const wanted: RecordKind[] = [kinds.message, kinds.injected]
  if (sources.has('TwinChangeEvents')) wanted.push(kinds.twin)
  if (sources.has('DeviceLifecycleEvents') || sources.has('DeviceConnectionStateEvents')) wanted.push(kinds.lifecycle)
  return wanted
}
