/** `%XX` decoded as UTF-8. What is no valid escape stays as it stands; never throws, `+` is a plus. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replace(/(?:%[0-9a-f]{2})+/gi, decodeRun)
  }
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run)
  } catch {
    return run
  }
}

/**
 * `k=v&k2=v2` with both sides decoded, in order; each part is cut at its first `=`. A key without `=` has the value null
 * in Azure's reading; as properties are strings it comes as '', like `k=`. Parts without a key are skipped.
 */
export function decodeBag(text: string): [key: string, value: string][] {
  const pairs: [string, string][] = []
  for (const part of text.split('&')) {
    const cut = part.indexOf('=')
    const key = decodePercent(cut < 0 ? part : part.slice(0, cut))
    if (key) pairs.push([key, cut < 0 ? '' : decodePercent(part.slice(cut + 1))])
  }
  return pairs
}

/** Properties that only the hub gives a message: who sent it, how it was let in, what kind it is. A device that says them is not believed. */
export const isHubsOwn = (name: string): boolean => /^(iothub-(connection-|message|enqueued)|mqtt-retain$)/i.test(name)

/** The value of `key` as it stands on the wire, undecoded: request ids are echoed byte for byte. */
export function rawValue(text: string, key: string): string | undefined {
  for (const part of text.split('&')) {
    const cut = part.indexOf('=')
    if (cut >= 0 && decodePercent(part.slice(0, cut)) === key) return part.slice(cut + 1)
  }
  return undefined
}

/** Always `k=v`, both sides encoded, so that a reader that splits at every `=`, `&` or `/` gets it right. */
export const encodeBag = (properties: Readonly<Record<string, string>>): string =>
  Object.entries(properties)
    .map(([key, value]) => `${encodeURIComponent(key.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&')
