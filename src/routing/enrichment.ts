import type { RuleMessage } from './message.ts'
import { memberOfAnyCase, toText } from './values.ts'

/** The value of an enrichment as Azure forms it: `$iothubname`, `$twin.tags.x` or `$twin.properties.x` from the message, anything else a static text. */
export function enrich(value: string, message: RuleMessage): string {
  return enrichmentOf(value, message) ?? value
}

/** As `enrich`, but `undefined` for a path that does not exist. */
export function enrichmentOf(value: string, { hubName, twin }: RuleMessage): string | undefined {
  if (/^\$iothubname$/i.test(value)) return hubName
  const path = /^\$twin\.((?:tags|properties\.(?:desired|reported))(?:\..+)?)$/i.exec(value)?.[1]
  if (path === undefined) return value
  let at: unknown = twin
  for (const name of path.split('.')) at = memberOfAnyCase(at, name)
  return toText(at)
}
