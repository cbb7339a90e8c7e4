const TOKEN_BYTES = 64
/** Bounded, so that a payload full of the word cannot make the search quadratic. */
const IN_TEXT = /"clientToken"\s{0,64}:\s{0,64}("(?:[^"\\]|\\.){0,384}")/

/**
 * The `clientToken` of a request: the AWS V2 SDK finds its answers by nothing else, so it is recovered from the text when the
 * JSON is broken. Undefined when absent, no string, or longer than 64 bytes.
 */
export function clientTokenOf(payload: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(payload)
  const found = parse(text, whole => (whole as { clientToken?: unknown } | null)?.clientToken)
  const token = found.ok ? found.value : parse(IN_TEXT.exec(text)?.[1] ?? '', value => value).value
  return typeof token === 'string' && Buffer.byteLength(token) <= TOKEN_BYTES ? token : undefined
}

function parse(text: string, pick: (value: unknown) => unknown): { ok: boolean; value?: unknown } {
  try {
    return { ok: true, value: pick(JSON.parse(text)) }
  } catch {
    return { ok: false }
  }
}
