import type { Family } from '../dialects/dialect.ts'
import type { Verdict } from '../identity/policy-rules.ts'
import type { Rights } from './rights.ts'

/**
 * What the policies say of a publish. They are asked for the topic without its bag of properties; a Deny counts for the topic as it was sent too, and for
 * Azure's with the slash that its devices write, bag or none.
 */
export function publishVerdict(
  rights: Pick<Rights, 'decide'>,
  { topic, sent, family }: { topic: string; sent: string; family: Family },
): Verdict {
  const verdict = rights.decide('Publish', topic)
  if (verdict === 'deny' || (sent === topic && family !== 'iothub')) return verdict
  const forms = new Set(family === 'iothub' ? [sent, `${topic}/`] : [sent])
  for (const form of forms) if (rights.decide('Publish', form) === 'deny') return 'deny'
  return verdict
}
