import type { Offers } from './completion.ts'
import { linesOf, type TryMessage } from './try-message.ts'

/** What a message has to offer to who writes a rule for it. */
export const offersOf = ({
  payload,
  format,
  properties,
  system,
  twin,
}: TryMessage): Pick<Offers, 'payload' | 'properties' | 'system' | 'twin'> => ({
  payload: format === 'json' ? parsed(payload) : undefined,
  properties: Object.keys(linesOf(properties)),
  system: Object.keys(linesOf(system)),
  twin: parsed(twin),
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
