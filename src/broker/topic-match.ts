/** Does a filter match a topic [MQTT-4.7]? Wildcards at the start never match a topic that begins with `$` [MQTT-4.7.2-1]. */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true
  const first = filter.charCodeAt(0)
  if ((first === hash || first === plus) && topic.charCodeAt(0) === dollar) return false
  let f = 0
  let t = 0
  while (f < filter.length) {
    const c = filter.charCodeAt(f)
    if (c === hash) return true
    if (c === plus) {
      f++
      while (t < topic.length && topic.charCodeAt(t) !== slash) t++
      if (t === topic.length) return f === filter.length || (filter.startsWith('/#', f) && f + 2 === filter.length)
      continue
    }
    if (t === topic.length) return c === slash && filter.charCodeAt(f + 1) === hash && f + 2 === filter.length
    if (c !== topic.charCodeAt(t)) return false
    f++
    t++
  }
  return t === topic.length
}

export const hasWildcard = (filter: string): boolean => filter.includes('+') || filter.includes('#')

const hash = 35
const dollar = 36
const plus = 43
const slash = 47
