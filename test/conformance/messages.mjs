/** What the clients send and the comparison expects: message `i`, the same in every process. */

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const texts = ['plain', 'größer – 温度 🌡', 'line\nbreak\ttab "quoted"', '\u0000 nul and \u2028', 'a=b&c=d%20e/f?g#h+i']

const bodies = {
  binary: i => Buffer.concat([Buffer.from([i & 255, i >> 8]), everyByte.subarray(0, (i * 37) % 257)]),
  text: i => Buffer.from(`${i} ${texts[i % texts.length]}`),
  json: i => Buffer.from(JSON.stringify({ n: i, note: texts[i % texts.length], t: i / 8 })),
}
const forms = ['binary', 'text', 'json']
const contentTypes = { binary: 'application/octet-stream', text: 'text/plain', json: 'application/json' }

/** Properties with what breaks naive property bags: separators, percent signs, blanks, other scripts, nothing at all. */
const oddProperties = i => ({
  index: String(i),
  'with space': 'a b  c',
  'equals=sign': 'x=y==',
  'slash/and&amp': '/p/q?r=s&t',
  'percent%41': '100% %25 %zz',
  'größe 温度 🌡': 'ünï 漢字 🚀',
  'hash#plus+': '#+',
  empty: '',
  dotted: '$.mid',
})

/**
 * `properties` are application properties, `system` the ones the dialect names; `topic` only where the client chooses it (`{id}` is the device).
 * @returns {{ body: Buffer, contentType?: string, contentEncoding?: string, messageId?: string, correlationId?: string,
 *   properties: Record<string, string>, topic?: string, stream?: string }}
 */
export function messageOf(family, i) {
  const form = forms[i % forms.length]
  const body = bodies[form](i)
  if (family === 'azure')
    return {
      body,
      contentType: contentTypes[form],
      ...(form !== 'binary' && { contentEncoding: 'utf-8' }),
      messageId: `m-${i} ü&=/%`,
      correlationId: `c${i}`,
      properties: i % 4 ? oddProperties(i) : {},
    }
  if (form === 'json' && i % 2) return { body, properties: {}, topic: 'dt/{id}/engine/left' }
  if (form === 'json') return { body, properties: {}, topic: 'devices/{id}/telemetry' }
  // A topic is at most 256 bytes: one odd property at a time.
  const [name, value] = Object.entries(oddProperties(i))[i % 9]
  const bag = [
    `ct=${encodeURIComponent(contentTypes[form])}`,
    `mid=m${i}`,
    `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  ]
  return {
    body,
    contentType: contentTypes[form],
    messageId: `m${i}`,
    properties: { [name]: value },
    stream: 'raw',
    topic: `devices/{id}/telemetry/raw/?${bag.join('&')}`,
  }
}
