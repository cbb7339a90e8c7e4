/** True if the MQTT filter matches the topic name, `$` topics hidden from leading wildcards [MQTT-4.7.2-1]. */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false
  let f = 0
  let t = 0
  while (true) {
    const fEnd = levelEnd(filter, f)
    const level = filter.slice(f, fEnd)
    if (level === '#') return true
    const tEnd = levelEnd(topic, t)
    if (level !== '+' && level !== topic.slice(t, tEnd)) return false
    const filterDone = fEnd === filter.length
    const topicDone = tEnd === topic.length
    if (topicDone) return filterDone || filter.slice(fEnd) === '/#'
    if (filterDone) return false
    f = fEnd + 1
    t = tEnd + 1
  }
}

const levelEnd = (text: string, from: number): number => {
  const at = text.indexOf('/', from)
  return at < 0 ? text.length : at
}

/** A name that may be published to: no wildcards, no NUL, at least one character [MQTT-3.3.2-2, 1.5.3-2]. */
export const validTopicName = (topic: string): boolean => topic.length > 0 && !/[#+\0]/.test(topic)

/** A well-formed filter: `+` fills a level, `#` the last one [MQTT-4.7.1-2, 4.7.1-3]. */
export function validTopicFilter(filter: string): boolean {
  if (!filter || filter.includes('\0')) return false
  const levels = filter.split('/')
  return levels.every((level, i) =>
    level === '+' ? true : level === '#' ? i === levels.length - 1 : !level.includes('+') && !level.includes('#'),
  )
}
