import { basicIngestOf } from '../routing/basic-ingest.ts'
import { validTopicFilter, validTopicName } from '../telemetry/topic.ts'
import { aws } from './aws/aws.ts'
import { awsClaim } from './aws/claim.ts'
import { azure } from './azure/azure.ts'
import { dps } from './azure/dps.ts'
import type { Classified, Dialect, Family, FilterRuling } from './dialect.ts'
import { topicFault } from './limits.ts'
import { plain } from './plain/plain.ts'

type Me = Parameters<Dialect['classify']>[1]

const families = { iothub: [azure], dps: [dps], thing: [aws, plain], claim: [awsClaim] } as const satisfies Record<
  Family,
  readonly Dialect[]
>

/** The dialects a connection of the family may speak, in the order they are asked. */
export const dialectsOf = (family: Family): readonly Dialect[] => families[family]

/** What a publish means, by default deny: a reserved tree is its dialect's, other `$` topics nobody's, the rest is for policy. */
export function classifyTopic(family: Family, topic: string, me: Me): Classified {
  if (!validTopicName(topic)) return denied('no valid topic name')
  for (const dialect of dialectsOf(family)) {
    const found = dialect.classify(topic, me)
    if (found) return found
  }
  return beyond(family, topic, Boolean(basicIngestOf(topic)?.rest)) ?? { kind: 'ordinary' }
}

/** The same for one filter of a SUBSCRIBE; a wildcard in the first level would reach over devices. */
export function ruleFilter(family: Family, filter: string, me: Me): FilterRuling {
  if (!validTopicFilter(filter)) return denied('no valid filter')
  if (filter[0] === '#' || filter[0] === '+') return denied('a wildcard at or above the device level')
  for (const dialect of dialectsOf(family)) {
    const ruling = dialect.filter(filter, me)
    if (ruling) return ruling
  }
  return beyond(family, filter) ?? { kind: 'ordinary' }
}

/** The refusal of a request in its own dialect's form. */
export function refuseRequest(family: Family, ...[request, payload, error, now]: Parameters<Dialect['refuse']>) {
  return dialectsOf(family)
    .find(({ name }) => name === request.dialect)
    ?.refuse(request, payload, error, now)
}

function beyond(family: Family, topic: string, ingest = false) {
  if (topic.startsWith('$') && !ingest) return denied('reserved')
  if (family === 'dps' || family === 'claim') return denied('a provisioning connection only provisions')
  const fault = topicFault(topic)
  return fault === undefined ? undefined : denied(fault)
}

const denied = (reason: string) => ({ kind: 'denied', reason }) as const
