/** Topic limits of the wire; bytes are UTF-8. A dialect whose topics carry properties may allow more bytes, and need not count levels. */
export const topicLimits = { bytes: 256, levels: 8, bagBytes: 8192 } as const

/** True if the text has more than `limit` UTF-8 bytes. Counts only when the length leaves a doubt. */
export const longerThan = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && Buffer.byteLength(text) > limit)

/** Why an ordinary topic or filter is refused for its size, or undefined. */
export function topicFault(topic: string): string | undefined {
  if (longerThan(topic, topicLimits.bytes)) return `topic longer than ${topicLimits.bytes} bytes`
  let levels = 1
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) levels++
  return levels > topicLimits.levels ? `topic has more than ${topicLimits.levels} levels` : undefined
}
