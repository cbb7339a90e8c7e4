import { LoomError } from '../../errors.ts'
import type { PolicyTarget } from '../../identity/policy-targets.ts'

/** A policy document as text, or as the JSON it stands for. */
export interface Documented {
  text?: string
  document?: Record<string, unknown>
}

/** The document's text, if there is one. REQUEST_INVALID if it is given twice. */
export function documentIn({ text, document }: Documented): string | undefined {
  if (text !== undefined && document !== undefined)
    throw new LoomError('REQUEST_INVALID', 'text and document', { hint: 'give one of them' })
  return document ? JSON.stringify(document, null, 2) : text
}

export function documentOf(documented: Documented): string {
  const text = documentIn(documented)
  if (text === undefined)
    throw new LoomError('REQUEST_INVALID', 'the document is missing', { hint: 'give it as text or document' })
  return text
}

/** Of what may name a device, a group, a certificate or the hub: exactly one. REQUEST_INVALID. */
export function targetIn({ device, group, certificate, hub }: Record<string, unknown>): PolicyTarget {
  const named = Object.entries({ device, group, certificate, ...(hub === true && { hub }) }).filter(
    ([, value]) => value !== undefined,
  )
  if (named.length !== 1)
    throw new LoomError('REQUEST_INVALID', `${named.length} targets`, {
      hint: 'give one of device, group, certificate and hub=true',
    })
  return Object.fromEntries(named) as unknown as PolicyTarget
}
