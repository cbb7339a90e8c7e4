import type { Statement } from './ast.ts'
import { finding, type LintFinding } from './lint-finding.ts'
import { parseTemplate } from './parse-template.ts'

/** A rule whose output reaches its own FROM runs for ever. An expression of the template is taken for one level. */
export function lintLoop(from: Statement['from'], publishTopic: string | undefined): LintFinding[] {
  const topic = publishTopic === undefined ? undefined : filterOf(publishTopic)
  if (topic === undefined) return []
  return from
    .filter(({ filter }) => overlap(filter, topic))
    .map(({ filter, position }) => finding('loop', `the output goes to ${publishTopic}, which ${filter} reads again`, position))
}

/** The template as a filter; `undefined` if it is none. */
function filterOf(template: string): string | undefined {
  try {
    const parts = parseTemplate(template.startsWith('$$') ? template.slice(1) : template, { use: 'action' })
    const text = parts.map(part => (typeof part === 'string' ? part : '\0')).join('')
    return text
      .split('/')
      .map(level => (level.includes('\0') ? '+' : level))
      .join('/')
  } catch {
    return undefined
  }
}

/** Whether some topic matches both [MQTT-4.7]. */
function overlap(filter: string, other: string): boolean {
  if (filter.startsWith('$') !== other.startsWith('$')) return false
  const a = filter.split('/')
  const b = other.split('/')
  for (let i = 0; ; i++) {
    if (a[i] === '#') return true
    if (i === a.length || i === b.length) return a.length === b.length || (i === b.length && a[i] === '#')
    if (a[i] !== '+' && b[i] !== '+' && a[i] !== b[i]) return false
  }
}
