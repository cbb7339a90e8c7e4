import type { ConsumerEvents, JournalPort, JournalRecord } from '../journal/journal-port.ts'
import type { RuleMessage } from '../routing/message.ts'
import { openRuleGate } from '../routing/rule-gate.ts'
import type { RulePorts } from '../routing/rule-function.ts'
import type { CountedGuard } from '../runtime/guarded-regex.ts'
import { ruleMessageOf } from '../telemetry/rule-message.ts'
import type { HubConsumer, HubConsumerSpec } from './hub.ts'

interface Parts {
  journal: Pick<JournalPort, 'consume'>
  hubName: string
  ports: RulePorts & { readonly guardedRegex: CountedGuard }
  /** What is at hand without waiting; undefined if it is not known. */
  twinOf(device: string): RuleMessage['twin']
}

/** Consumers whose rules run here, before anything crosses to the flows: what no rule can want is passed over. */
export function consumeByRules({ journal, hubName, ports, twinOf }: Parts) {
  return async ({ rules, ...spec }: HubConsumerSpec, events: ConsumerEvents): Promise<HubConsumer> => {
    if (!rules) return Object.assign(await journal.consume(spec, events), { setRules: () => {} })
    let gate = openRuleGate(rules, ports)
    const guard = ports.guardedRegex
    const wants = (record: JournalRecord): boolean => {
      const twin = gate.needsTwin ? twinOf(record.device) : undefined
      // Not known here: it is decided where the twin is read
      if (gate.needsTwin && !twin) return true
      const before = guard.timeouts()
      // A pattern that took too long is tried, and counted, where the outputs are made.
      return gate.opensFor(ruleMessageOf(record, { hubName, ...(twin && { twin }) })) || guard.timeouts() > before
    }
    return Object.assign(await journal.consume(spec, { ...events, wants }), {
      setRules: (changed: NonNullable<HubConsumerSpec['rules']>) => {
        gate = openRuleGate(changed, ports)
      },
    })
  }
}
