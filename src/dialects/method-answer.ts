import { readJson } from '../twin/read-json.ts'

/** What a device answers a method with: its own status, any integer but 0, and JSON. */
export interface MethodAnswer {
  status: number
  payload: unknown
}

/** JSON of an answer; nothing is null, and what is no JSON (or has a member twice, or 100 levels) is text: an answer is never lost for its form. */
export function readAnswer(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString()
  if (!text.trim()) return null
  try {
    return readJson(text)
  } catch {
    return text
  }
}
