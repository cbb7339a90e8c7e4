/** What a topic of Basic Ingest says: the rule that it goes to, and the topic that the rule sees. */
export interface BasicIngest {
  rule: string
  rest: string
}

const dollar = 36

/** `$aws/rules/{rule}/rest`; `undefined` for any other topic. */
export function basicIngestOf(topic: string | undefined): BasicIngest | undefined {
  if (topic === undefined || topic.charCodeAt(0) !== dollar) return undefined
  const [, rule, rest = ''] = /^\$aws\/rules\/([^/]+)(?:\/(.*))?$/s.exec(topic) ?? []
  return rule === undefined ? undefined : { rule, rest }
}
