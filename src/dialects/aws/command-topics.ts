import { overlaps } from '../filter-overlap.ts'

/** Where things of AWS hear of methods beside the topics that all things have, and where they answer. */
export interface CommandTopics {
  topic(deviceId: string, call: { name: string; rid: string }): string
  /** A filter that hears of calls of the device. */
  hearsOf(filter: string, deviceId: string): boolean
  /** The call that a topic answers. */
  answered(topic: string, deviceId: string): { name: string; rid: string } | undefined
}

const places = ['{id}', '{name}', '{rid}'] as const
const LITERAL = /^[A-Za-z0-9_.-]{1,64}$/
/** With the one of an answer no more than topics may have. */
const mostLevels = 7
const ANSWER = 'answer'

/** What is wrong with a template such as `cmd/{id}/{name}/{rid}`; undefined: nothing. */
export function commandTopicFault(template: string): string | undefined {
  const [first = '', ...rest] = template.split('/')
  if (!LITERAL.test(first) || first === 'devices') return 'it begins with a level of A-Z a-z 0-9 _ . - other than "devices"'
  const other = rest.find(level => !LITERAL.test(level) && !(places as readonly string[]).includes(level))
  if (other !== undefined) return `level "${other.slice(0, 64)}" is neither text nor one of ${places.join(' ')}`
  const missing = places.find(place => rest.filter(level => level === place).length !== 1)
  if (missing) return `${missing} is not in it once, as a level of its own`
  return rest.length + 1 > mostLevels ? `it has more than ${mostLevels} levels` : undefined
}

/** `template` is one that has no fault. An answer is published one level below its call. */
export function commandTopics(template: string): CommandTopics {
  const levels = template.split('/')
  const formOf = (deviceId: string): string[] =>
    levels.map(level => (level === '{id}' ? deviceId : level.startsWith('{') ? '*' : level))
  return {
    topic(deviceId, { name, rid }) {
      const values: Record<string, string> = { '{id}': deviceId, '{name}': name, '{rid}': rid }
      return levels.map(level => values[level] ?? level).join('/')
    },
    hearsOf: (filter, deviceId) => overlaps(filter.split('/'), formOf(deviceId)),
    answered(topic, deviceId) {
      const found = topic.split('/')
      if (found.pop() !== ANSWER || !overlaps(found, formOf(deviceId))) return undefined
      const at = (place: string): string => found[levels.indexOf(place)]!
      return { name: at('{name}'), rid: at('{rid}') }
    },
  }
}
